package bench

import (
	"fmt"
	"slices"
	"strings"
)

// Series is a number of one configuration as a function of a setting.
type Series struct {
	Config string
	Points []Point // by X
}

// Point is the median of the rounds with one value of the setting.
type Point struct{ X, Y float64 }

// xs are the settings that a series can be a function of.
var xs = map[string]func(r *Result) float64{
	"nodes":   func(r *Result) float64 { return float64(r.Nodes) },
	"clients": func(r *Result) float64 { return float64(r.Settings.Clients) },
	"rooms":   func(r *Result) float64 { return float64(r.Settings.Rooms) },
	"size":    func(r *Result) float64 { return float64(r.Settings.Size) },
}

// Arrange groups results by a setting (nodes, clients, rooms or size) and takes the column
// with title y, such as "server s/M", of each. Configurations are in the order in which
// they first occur.
func Arrange(results []Result, x, y string) ([]Series, error) {
	at, ok := xs[x]
	if !ok {
		return nil, fmt.Errorf("results cannot be arranged by %q: want nodes, clients, rooms or size", x)
	}
	values := map[string]map[float64][]float64{}
	var order []string
	for i := range results {
		r := &results[i]
		column, err := columnNamed(r.Settings.Mode, y)
		if err != nil {
			return nil, err
		}
		if values[r.Config] == nil {
			values[r.Config] = map[float64][]float64{}
			order = append(order, r.Config)
		}
		values[r.Config][at(r)] = append(values[r.Config][at(r)], column.get(r))
	}
	var all []Series
	for _, config := range order {
		s := Series{Config: config}
		for x, ys := range values[config] {
			s.Points = append(s.Points, Point{x, median(ys)})
		}
		slices.SortFunc(s.Points, func(a, b Point) int { return int(a.X) - int(b.X) })
		all = append(all, s)
	}
	return all, nil
}

func columnNamed(mode Mode, title string) (column, error) {
	var known []string
	for _, c := range columns(mode) {
		if c.title == title {
			return c, nil
		}
		known = append(known, c.title)
	}
	return column{}, fmt.Errorf("%s has no column %q; it has %s", mode, title, strings.Join(known, ", "))
}
