// Command mutants checks the tests: it plants one fault after the other in the code and
// shows that a named test notices. The faults are in node.go and house.go.
// The files of the checkout stay as they are: the compiler is given the changed ones
// by -overlay.
//
// It fails if a mutant survives its test or does not compile, and if a test fails
// without any.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

func main() {
	dir := flag.String("dir", "..", "the module whose tests are checked")
	only := flag.String("only", "", "plant only the mutants whose names match this regular `expression`")
	parallel := flag.Int("p", runtime.NumCPU(), "how many mutants are compiled and tested at once")
	timeout := flag.Duration("timeout", 20*time.Second, "of one test: one that hangs has noticed, too")
	flag.Parse()
	if err := run(*dir, *only, *parallel, *timeout); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// mutant is a fault that can be planted.
type mutant struct {
	name    string
	file    string // in the module
	old     string // occurs in the file once
	new     string // takes its place
	pkg     string // whose test notices
	test    string // its name, or that of one of its parts: TestX/part
	promise string // that is broken
}

func run(dir, only string, parallel int, timeout time.Duration) error {
	began := time.Now()
	pattern, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("-only %q: %w", only, err)
	}
	chosen := slices.DeleteFunc(slices.Clone(mutants), func(m mutant) bool { return !pattern.MatchString(m.name) })
	if len(chosen) == 0 {
		return fmt.Errorf("-only %q: no mutant has such a name", only)
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	t := tester{dir: dir, temp: temp, timeout: timeout}

	packages := byPackage(chosen)
	failures := make([]error, len(packages))
	each(len(packages), parallel, func(i int) { failures[i] = t.unchanged(i, packages[i]) })
	if err := errors.Join(failures...); err != nil {
		return err
	}
	var mu sync.Mutex // of what is printed
	survivors := 0
	each(len(chosen), parallel, func(i int) {
		began := time.Now()
		err := t.plant(i, chosen[i])
		took := time.Since(began)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			survivors++
		}
		chosen[i].print(err, took)
	})
	fmt.Printf("%d mutants, %d red, in %d s\n", len(chosen), len(chosen)-survivors, int(time.Since(began).Seconds()))
	if survivors > 0 {
		return fmt.Errorf("%d mutants were not noticed", survivors)
	}
	return nil
}

// print prints a line of the table of outcomes, and why nobody has noticed the mutant.
func (m mutant) print(survives error, took time.Duration) {
	verdict := "red"
	if survives != nil {
		verdict = "SURVIVES"
	}
	fmt.Printf("%-8s  %-40s  %s, %s, %.1f s\n", verdict, m.name, m.pkg, m.test, took.Seconds())
	if survives != nil {
		fmt.Printf("          %s\n", strings.ReplaceAll(survives.Error(), "\n", "\n          "))
	}
}

// each calls do for 0 to n-1, so many at once.
func each(n, parallel int, do func(i int)) {
	var work sync.WaitGroup
	slots := make(chan struct{}, max(1, parallel))
	for i := range n {
		slots <- struct{}{}
		work.Go(func() {
			defer func() { <-slots }()
			do(i)
		})
	}
	work.Wait()
}

// packageTests are the tests of a package that are to notice something.
type packageTests struct {
	pkg   string
	tests []string
}

func byPackage(chosen []mutant) (packages []packageTests) {
	for _, m := range chosen {
		i := slices.IndexFunc(packages, func(p packageTests) bool { return p.pkg == m.pkg })
		if i < 0 {
			i, packages = len(packages), append(packages, packageTests{pkg: m.pkg})
		}
		if !slices.Contains(packages[i].tests, m.test) {
			packages[i].tests = append(packages[i].tests, m.test)
		}
	}
	return packages
}

// tester compiles tests and runs them.
type tester struct {
	dir, temp string
	timeout   time.Duration
}

// unchanged shows that the tests are there, and pass as long as no fault is planted.
func (t *tester) unchanged(number int, p packageTests) error {
	binary := filepath.Join(t.temp, fmt.Sprintf("unchanged%d.test", number))
	if output, err := t.compile(p.pkg, binary); err != nil {
		return fmt.Errorf("%s does not compile: %w\n%s", p.pkg, err, output)
	}
	defer os.Remove(binary)
	for _, test := range p.tests {
		output, err := t.test(p.pkg, binary, test)
		switch {
		case err != nil:
			return fmt.Errorf("%s of %s fails without any fault: %w\n%s", test, p.pkg, err, output)
		case !bytes.Contains(output, []byte("--- PASS: "+test+" ")):
			return fmt.Errorf("%s has no test %s, or it is skipped here", p.pkg, test)
		}
	}
	return nil
}

// plant plants a fault and runs the test that has to notice. The error says why the mutant
// survives.
func (t *tester) plant(number int, m mutant) error {
	overlay, err := t.overlay(number, m)
	if err != nil {
		return err
	}
	binary := filepath.Join(t.temp, fmt.Sprintf("mutant%d.test", number))
	if output, err := t.compile(m.pkg, binary, "-overlay="+overlay); err != nil {
		return fmt.Errorf("it does not compile: %w\n%s", err, output)
	}
	defer os.Remove(binary)
	switch _, err := t.test(m.pkg, binary, m.test); {
	case err == nil:
		return errors.New("its test does not notice that this is broken: " + m.promise)
	case !isExit(err):
		return fmt.Errorf("its test did not run: %w", err)
	}
	return nil
}

// isExit tells whether a program has run and failed.
func isExit(err error) bool {
	_, exited := errors.AsType[*exec.ExitError](err)
	return exited
}

// overlay writes the changed file, and what tells the compiler of it.
func (t *tester) overlay(number int, m mutant) (path string, err error) {
	original := filepath.Join(t.dir, filepath.FromSlash(m.file))
	source, err := os.ReadFile(original)
	if err != nil {
		return "", err
	}
	changed, err := m.change(string(source))
	if err != nil {
		return "", err
	}
	replacement := filepath.Join(t.temp, fmt.Sprintf("mutant%d.go", number))
	if err := os.WriteFile(replacement, []byte(changed), 0o600); err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": {original: replacement}})
	if err != nil {
		return "", err
	}
	path = filepath.Join(t.temp, fmt.Sprintf("overlay%d.json", number))
	return path, os.WriteFile(path, list, 0o600)
}

// change plants the fault in the source of the file.
func (m mutant) change(source string) (string, error) {
	if n := strings.Count(source, m.old); n != 1 {
		return "", fmt.Errorf("the table is stale: the text that %q replaces occurs %d times in %s, and not once:\n%s", m.name, n, m.file, m.old)
	}
	return strings.Replace(source, m.old, m.new, 1), nil
}

// compile makes a package's test binary, without what debuggers need: linking takes longer
// than most of the tests.
func (t *tester) compile(pkg, binary string, flags ...string) (output []byte, err error) {
	args := append([]string{"test", "-c", "-ldflags=-s -w", "-o", binary}, flags...)
	cmd := exec.Command("go", append(args, "./"+pkg)...)
	cmd.Dir = t.dir
	return cmd.CombinedOutput()
}

// test runs one test of a binary, as go test does.
func (t *tester) test(pkg, binary, test string) (output []byte, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), t.timeout+10*time.Second)
	defer cancel()
	var names []string
	for name := range strings.SplitSeq(test, "/") {
		names = append(names, "^"+regexp.QuoteMeta(name)+"$")
	}
	cmd := exec.CommandContext(ctx, binary, "-test.run="+strings.Join(names, "/"), "-test.v", "-test.timeout="+t.timeout.String())
	cmd.Dir = filepath.Join(t.dir, filepath.FromSlash(pkg))
	return cmd.CombinedOutput()
}
