package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// panels are the plots of a soak: a column of the file each, and what it is divided by.
var panels = []struct {
	column, title string
	unit          float64
}{
	{"goroutines", "goroutines", 1},
	{"descriptors", "descriptors", 1},
	{"heap", "heap after a collection, MiB", 1 << 20},
	{"rss", "resident memory, MiB", 1 << 20},
}

// The size of a soak's plots together.
const (
	soakWidth  vg.Length = 720
	soakHeight vg.Length = 480
)

// plotSoak draws the panels, with a line for each process.
func plotSoak(w io.Writer, title, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if len(rows) < 2 {
		return fmt.Errorf("%s: no samples", file)
	}
	const columns = 2
	grid := make([][]*plot.Plot, (len(panels)+1)/columns)
	for i := range panels {
		p, err := panel(rows, i)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		grid[i/columns] = append(grid[i/columns], p)
	}
	if title != "" {
		grid[0][0].Title.Text = title + ": " + grid[0][0].Title.Text
	}
	drawing := vgsvg.New(soakWidth, soakHeight)
	tiles := draw.Tiles{Rows: len(grid), Cols: columns, PadX: 2 * margin, PadY: 2 * margin}
	canvas := draw.Crop(draw.New(drawing), margin, -2*margin, margin, -margin)
	for i, row := range plot.Align(grid, tiles, canvas) {
		for j, c := range row {
			grid[i][j].Draw(c)
		}
	}
	return save(w, drawing)
}

// panel is the plot of one column. Its y axis begins at 0.
func panel(rows [][]string, number int) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text, p.X.Label.Text = panels[number].title, "minutes"
	p.Legend.XOffs, p.Legend.YOffs = vg.Points(-12), vg.Points(12)
	sansSerif(p)
	p.Add(plotter.NewGrid())
	process, lines, err := lines(rows, panels[number].column, panels[number].unit)
	if err != nil {
		return nil, err
	}
	top := 0.0
	for i, points := range lines {
		line, err := plotter.NewLine(points)
		if err != nil {
			return nil, err
		}
		line.Color, line.Width = colours[i%len(colours)], vg.Points(0.8)
		p.Add(line)
		if number == len(panels)-1 { // where the lines leave the most space
			p.Legend.Add(process[i], line)
		}
		_, _, _, high := plotter.XYRange(points)
		top = max(top, high)
	}
	p.X.Min, p.Y.Min, p.Y.Max = 0, 0, top*1.1
	p.X.Tick.Marker = plot.TickerFunc(numbered)
	p.Y.Tick.Marker = plot.TickerFunc(numbered)
	return p, nil
}

// lines are the values of one column, for each process.
func lines(rows [][]string, column string, unit float64) (processes []string, values []plotter.XYs, err error) {
	at, of, value := slices.Index(rows[0], "seconds"), slices.Index(rows[0], "process"), slices.Index(rows[0], column)
	if at < 0 || of < 0 || value < 0 {
		return nil, nil, fmt.Errorf("columns %q, want seconds, process and %s", rows[0], column)
	}
	for _, row := range rows[1:] {
		x, err := strconv.ParseFloat(row[at], 64)
		if err != nil {
			return nil, nil, err
		}
		y, err := strconv.ParseFloat(row[value], 64)
		if err != nil {
			return nil, nil, err
		}
		i := slices.Index(processes, row[of])
		if i < 0 {
			i, processes, values = len(processes), append(processes, row[of]), append(values, nil)
		}
		values[i] = append(values[i], plotter.XY{X: x / 60, Y: y / unit})
	}
	return processes, values, nil
}
