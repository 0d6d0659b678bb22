package bench

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteTable writes the medians of all configurations, and below them the ratios
// of the first to each of the others.
func (c *Comparison) WriteTable(w io.Writer) error {
	if len(c.Summaries) == 0 {
		return nil
	}
	mode := c.Results[0].Settings.Mode
	var shown []column
	for _, column := range columns(mode) {
		for _, s := range c.Summaries {
			if s.Values[column.title] != 0 || column.sum {
				shown = append(shown, column)
				break
			}
		}
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(first string, nodes string, cell func(column) string) {
		cells := []string{first, nodes}
		for _, column := range shown {
			cells = append(cells, cell(column))
		}
		fmt.Fprintln(table, strings.Join(cells, "\t")+"\t")
	}
	row(string(mode), "nodes", func(c column) string { return c.title })
	for _, s := range c.Summaries {
		row(s.Config, fmt.Sprint(s.Nodes), func(c column) string { return short(s.Values[c.title]) })
	}
	for _, s := range c.Summaries[1:] {
		row(c.Summaries[0].Config+" ÷ "+s.Config, "", func(c column) string {
			if ratio, ok := s.Ratios[c.title]; ok {
				return short(ratio) + "x"
			}
			return ""
		})
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, r := range c.Results {
		if r.Error != "" {
			fmt.Fprintf(w, "%s, round %d: %d clients failed, %d were disconnected: %s\n", r.Config, r.Round, r.Failed, r.Closed, r.Error)
		}
	}
	return nil
}
