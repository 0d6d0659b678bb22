package bench

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// tableWidth is the width of a terminal. Columns that do not fit go into another table
// below, with the configurations' names again.
const tableWidth = 80

// WriteTable writes the medians of all configurations, and below them the ratios of the
// first to each of the others; then the errors, and what was not measured. If legend is
// set, it explains the columns.
func (c *Comparison) WriteTable(w io.Writer, legend bool) error {
	var b strings.Builder
	if len(c.Summaries) > 0 {
		shown := c.shown()
		c.writeParts(&b, shown)
		if legend {
			writeLegend(&b, shown)
		}
	}
	for _, r := range c.Results {
		if r.Error != "" {
			fmt.Fprintf(&b, "%s, round %d: %d clients failed, %d were disconnected: %s\n", r.Config, r.Round, r.Failed, r.Closed, r.Error)
		}
	}
	if len(c.Undone) > 0 {
		fmt.Fprintf(&b, "not measured: %s\n", strings.Join(c.Undone, ", "))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// shown returns the columns that are not empty.
func (c *Comparison) shown() (shown []column) {
	for _, column := range columns(c.Results[0].Settings.Mode) {
		for _, s := range c.Summaries {
			if s.Values[column.title] != 0 || column.sum {
				shown = append(shown, column)
				break
			}
		}
	}
	return shown
}

// writeParts writes tables below each other, each with as many columns as fit.
func (c *Comparison) writeParts(b *strings.Builder, shown []column) {
	names := c.cells(string(c.Results[0].Settings.Mode), func(s Summary) string { return s.Config }, func(s Summary) string {
		return c.Summaries[0].Config + " ÷ " + s.Config
	})
	all := [][]string{c.cells("nodes", func(s Summary) string { return fmt.Sprint(s.Nodes) }, func(Summary) string { return "" })}
	for _, column := range shown {
		all = append(all, c.cells(column.title, func(s Summary) string { return short(s.Values[column.title]) }, func(s Summary) string {
			if ratio, ok := s.Ratios[column.title]; ok {
				return short(ratio) + "x"
			}
			return ""
		}))
	}
	for len(all) > 0 {
		part, width := [][]string{names}, cellWidth(names)
		for len(all) > 0 && (len(part) == 1 || width+2+cellWidth(all[0]) <= tableWidth) {
			width += 2 + cellWidth(all[0])
			part, all = append(part, all[0]), all[1:]
		}
		for row := range names {
			line := pad(part[0][row], cellWidth(names))
			for _, cells := range part[1:] {
				line += "  " + pad(cells[row], cellWidth(cells))
			}
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
		b.WriteString("\n")
	}
}

// cells returns the cells of a column: its title, a value of each configuration, and
// ratios.
func (c *Comparison) cells(title string, value, ratio func(Summary) string) []string {
	cells := []string{title}
	for _, s := range c.Summaries {
		cells = append(cells, value(s))
	}
	for _, s := range c.Summaries[1:] {
		cells = append(cells, ratio(s))
	}
	return cells
}

func cellWidth(cells []string) (width int) {
	for _, cell := range cells {
		width = max(width, utf8.RuneCountInString(cell))
	}
	return width
}

// pad aligns a cell to the right.
func pad(cell string, width int) string {
	return strings.Repeat(" ", width-utf8.RuneCountInString(cell)) + cell
}
