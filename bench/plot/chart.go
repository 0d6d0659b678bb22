package main

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"

	"github.com/socketmesh/mesh/bench"
)

// The picture, in its own units.
const (
	width, height            = 640, 360
	left, right, top, bottom = 70, 20, 40, 50
	legendLine               = 18
)

// colours of the lines, which people tell apart who see few colours, too.
var colours = []string{"#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"}

// chart is a plot with lines.
type chart struct {
	title, x, y string
	series      []bench.Series
}

// axis maps values to places.
type axis struct {
	low, high  float64
	from, to   float64 // places of low and high
	logarithms bool
}

func (a axis) place(v float64) float64 {
	low, high := a.low, a.high
	if a.logarithms {
		v, low, high = math.Log(v), math.Log(low), math.Log(high)
	}
	if high == low {
		return (a.from + a.to) / 2
	}
	return a.from + (v-low)/(high-low)*(a.to-a.from)
}

// svg draws all of it.
func (c chart) svg() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/>`+"\n", width, height)
	text(&b, width/2, 20, "middle", c.title)
	xs, places := c.xAxis()
	ys := c.yAxis()
	for _, v := range ticks(ys.high) {
		y := ys.place(v)
		fmt.Fprintf(&b, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#ddd"/>`+"\n", left, y, width-right, y)
		text(&b, left-8, y+4, "end", label(v))
	}
	for _, v := range places {
		x := xs.place(v)
		fmt.Fprintf(&b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#888"/>`+"\n", x, height-bottom, x, height-bottom+5)
		text(&b, x, height-bottom+20, "middle", label(v))
	}
	fmt.Fprintf(&b, `<path d="M%d %dV%dH%d" fill="none" stroke="#888"/>`+"\n", left, top, height-bottom, width-right)
	text(&b, (left+width-right)/2, height-10, "middle", c.x)
	text(&b, left, top-8, "start", c.y)
	for i, s := range c.series {
		line(&b, s, xs, ys, colours[i%len(colours)])
		y := float64(top + i*legendLine)
		fmt.Fprintf(&b, `<rect x="%d" y="%.1f" width="12" height="3" fill="%s"/>`+"\n", left+12, y+6, colours[i%len(colours)])
		text(&b, left+30, y+12, "start", s.Config)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// xAxis has logarithms where values are far apart, and a mark at each of them.
func (c chart) xAxis() (axis, []float64) {
	a := axis{low: math.Inf(1), high: math.Inf(-1), from: left + 20, to: width - right - 20}
	seen := map[float64]bool{}
	var places []float64
	for _, s := range c.series {
		for _, p := range s.Points {
			a.low, a.high = min(a.low, p.X), max(a.high, p.X)
			if !seen[p.X] {
				seen[p.X] = true
				places = append(places, p.X)
			}
		}
	}
	a.logarithms = a.low > 0 && a.high/a.low >= 10
	return a, places
}

// yAxis begins at 0, so that lines show proportions.
func (c chart) yAxis() axis {
	a := axis{from: height - bottom, to: top}
	for _, s := range c.series {
		for _, p := range s.Points {
			a.high = max(a.high, p.Y)
		}
	}
	marks := ticks(a.high)
	a.high = marks[len(marks)-1]
	return a
}

// ticks are round numbers from 0 to at least high, about five of them.
func ticks(high float64) []float64 {
	if high <= 0 {
		return []float64{0, 1}
	}
	step := math.Pow(10, math.Floor(math.Log10(high)))
	for _, part := range []float64{0.2, 0.5, 1, 2} {
		if high/(step*part) <= 5 {
			step *= part
			break
		}
	}
	var all []float64
	for i := 0; ; i++ {
		v := float64(i) * step
		all = append(all, v)
		if v >= high {
			return all
		}
	}
}

func line(b *strings.Builder, s bench.Series, xs, ys axis, colour string) {
	var path []string
	for _, p := range s.Points {
		path = append(path, fmt.Sprintf("%.1f,%.1f", xs.place(p.X), ys.place(p.Y)))
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", xs.place(p.X), ys.place(p.Y), colour)
	}
	fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(path, " "), colour)
}

func text(b *strings.Builder, x, y float64, anchor, s string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`+"\n", x, y, anchor, html.EscapeString(s))
}

// label writes a number without zeros that say nothing.
func label(v float64) string {
	switch {
	case v >= 1e6:
		return strconv.FormatFloat(v/1e6, 'g', 4, 64) + "M"
	case v >= 1e4:
		return strconv.FormatFloat(v/1e3, 'g', 4, 64) + "k"
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}
