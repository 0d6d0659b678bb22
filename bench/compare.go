package bench

import (
	"context"
	"fmt"
	"slices"
)

// Comparison has the results of several configurations, measured in turn.
type Comparison struct {
	Machine   Machine   `json:"machine"`
	Results   []Result  `json:"results"`
	Summaries []Summary `json:"summaries"`
	// Undone lists the configurations that were not measured in all rounds, and how many
	// are missing.
	Undone []string `json:"undone,omitempty"`
}

// Summary has the values of one configuration over all rounds.
type Summary struct {
	Config string             `json:"config"`
	Nodes  int                `json:"nodes"`
	Rounds int                `json:"rounds"`
	Values map[string]float64 `json:"values"` // by column: medians, or sums of errors
	// Ratios are the first configuration's values divided by this one's.
	Ratios map[string]float64 `json:"ratios,omitempty"`
}

// Compare measures each kind of cluster once per round, one after the other, so that other
// load on the machine affects all of them. If an error ends it, it returns the results so
// far, too.
func Compare(ctx context.Context, kinds []string, rounds int, s Settings, setup *Setup) (*Comparison, error) {
	c := &Comparison{Machine: thisMachine()}
	var err error
	for round := 1; round <= rounds && err == nil; round++ {
		for _, kind := range kinds {
			var result Result
			if result, err = Run(ctx, kind, s, setup); err != nil {
				break
			}
			result.Round = round
			c.Results = append(c.Results, result)
		}
	}
	setup.Progress.Clear()
	c.summarise(kinds, columns(s.Mode))
	c.Undone = undone(kinds, rounds, c.Results)
	return c, err
}

// undone returns which rounds have no results.
func undone(kinds []string, rounds int, results []Result) (left []string) {
	for _, kind := range kinds {
		done := 0
		for i := range results {
			if results[i].Config == kind {
				done++
			}
		}
		switch {
		case done == rounds:
		case rounds == 1:
			left = append(left, kind)
		default:
			left = append(left, fmt.Sprintf("%s (%d of %d rounds)", kind, rounds-done, rounds))
		}
	}
	return left
}

func (c *Comparison) summarise(kinds []string, columns []column) {
	for _, kind := range kinds {
		var rounds []*Result
		for i := range c.Results {
			if c.Results[i].Config == kind {
				rounds = append(rounds, &c.Results[i])
			}
		}
		if len(rounds) == 0 {
			continue
		}
		s := Summary{Config: kind, Nodes: rounds[0].Nodes, Rounds: len(rounds), Values: map[string]float64{}}
		for _, column := range columns {
			s.Values[column.title] = column.over(rounds)
		}
		if len(c.Summaries) > 0 {
			s.Ratios = ratios(c.Summaries[0].Values, s.Values, columns)
		}
		c.Summaries = append(c.Summaries, s)
	}
}

// over combines the numbers of several rounds.
func (c column) over(rounds []*Result) float64 {
	var all []float64
	total := 0.0
	for _, r := range rounds {
		all = append(all, c.get(r))
		total += c.get(r)
	}
	if c.sum {
		return total
	}
	return median(all)
}

func ratios(first, other map[string]float64, columns []column) map[string]float64 {
	all := map[string]float64{}
	for _, c := range columns {
		if !c.sum && first[c.title] != 0 && other[c.title] != 0 {
			all[c.title] = first[c.title] / other[c.title]
		}
	}
	return all
}

func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	if n == 0 {
		return 0
	}
	return (values[n/2] + values[(n-1)/2]) / 2
}
