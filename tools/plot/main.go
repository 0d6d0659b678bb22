// Plot draws how a number goes with a setting, from results of mesh bench:
//
//	mesh bench --nodes 2 --json 2.json
//	mesh bench --nodes 8 --json 8.json
//	go run -C tools ./plot --x nodes --y "server s/M" --out $PWD/nodes.svg $PWD/2.json $PWD/8.json
//
// Or what processes take in the course of time, from the samples of make soak:
//
//	go run -C tools ./plot --soak $PWD/soak.csv --out $PWD/soak.svg
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/socketmesh/mesh/bench"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "plot:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("plot", flag.ContinueOnError)
	flags.SetOutput(out)
	x := flags.String("x", "nodes", "setting: nodes, clients, rooms or size")
	y := flags.String("y", "server s/M", "column of the table")
	title := flags.String("title", "", "above the plot")
	samples := flags.String("soak", "", "file with samples of make soak, in the place of results")
	file := flags.String("out", "", "file for the SVG; default: the standard output")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var svg bytes.Buffer
	if *samples != "" {
		if err := plotSoak(&svg, *title, *samples); err != nil {
			return err
		}
	} else if err := plotResults(&svg, *title, *x, *y, flags.Args()); err != nil {
		return err
	}
	if *file == "" {
		_, err := svg.WriteTo(out)
		return err
	}
	return os.WriteFile(*file, svg.Bytes(), 0o644)
}

func plotResults(w io.Writer, title, x, y string, files []string) error {
	results, err := read(files)
	if err != nil {
		return err
	}
	series, err := bench.Arrange(results, x, y)
	if err != nil {
		return err
	}
	return writeSVG(w, title, x, y, series)
}

// read gathers the results of all files.
func read(files []string) ([]bench.Result, error) {
	if len(files) == 0 {
		return nil, fmt.Errorf("no files with results")
	}
	var all []bench.Result
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var c bench.Comparison
		if err := json.Unmarshal(text, &c); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, c.Results...)
	}
	return all, nil
}
