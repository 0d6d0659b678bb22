package main

import (
	"bytes"
	"image/color"
	"io"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/socketmesh/mesh/bench"
)

// The size of a plot, in points, and what stays free around it: readers whose font is
// wider than ours see all of a label at the edge.
const (
	width  vg.Length = 480
	height vg.Length = 270
	margin vg.Length = 12
)

// colours are those of Okabe and Ito, which people tell apart who see few colours.
var colours = []color.Color{
	color.RGBA{0x00, 0x72, 0xb2, 0xff}, color.RGBA{0xd5, 0x5e, 0x00, 0xff}, color.RGBA{0x00, 0x9e, 0x73, 0xff},
	color.RGBA{0xcc, 0x79, 0xa7, 0xff}, color.RGBA{0xe6, 0x9f, 0x00, 0xff}, color.RGBA{0x56, 0xb4, 0xe9, 0xff}, color.Black,
}

// writeSVG draws a line for each series. The y axis begins at 0, so that lines show
// proportions. The x axis has logarithms where its values are far apart.
func writeSVG(w io.Writer, title, x, y string, series []bench.Series) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Legend.Top, p.Legend.Left, p.Legend.XOffs = true, true, vg.Points(8)
	sansSerif(p)
	p.Add(plotter.NewGrid())
	places := map[float64]bool{}
	low, high, top := math.Inf(1), 0.0, 0.0
	for i, s := range series {
		points := make(plotter.XYs, len(s.Points))
		for j, point := range s.Points {
			points[j] = plotter.XY{X: point.X, Y: point.Y}
			places[point.X] = true
			low, high, top = min(low, point.X), max(high, point.X), max(top, point.Y)
		}
		line, marks, err := plotter.NewLinePoints(points)
		if err != nil {
			return err
		}
		line.Color, line.Width = colours[i%len(colours)], vg.Points(1.5)
		marks.Color, marks.Shape, marks.Radius = line.Color, draw.CircleGlyph{}, vg.Points(2.5)
		p.Add(line, marks)
		if len(series) > 1 {
			p.Legend.Add(s.Config, line, marks)
		}
	}
	if low > 0 && high/low >= 10 {
		p.X.Scale = plot.LogScale{}
	}
	p.X.Tick.Marker = ticksAt(places)
	p.Y.Min, p.Y.Max = 0, top*1.1
	p.Y.Tick.Marker = plot.TickerFunc(numbered)
	drawing := vgsvg.New(width, height)
	p.Draw(draw.Crop(draw.New(drawing), margin, -2*margin, margin, -margin))
	return save(w, drawing)
}

// sansSerif is for all texts of a plot.
func sansSerif(p *plot.Plot) {
	for _, font := range []*font.Font{
		&p.Title.TextStyle.Font, &p.Legend.TextStyle.Font, &p.X.Label.TextStyle.Font, &p.Y.Label.TextStyle.Font,
		&p.X.Tick.Label.Font, &p.Y.Tick.Label.Font,
	} {
		font.Variant = "Sans"
	}
}

// numbered are the default ticks, with our labels.
func numbered(low, high float64) []plot.Tick {
	ticks := plot.DefaultTicks{}.Ticks(low, high)
	for i := range ticks {
		if !ticks[i].IsMinor() {
			ticks[i].Label = label(ticks[i].Value)
		}
	}
	return ticks
}

func save(w io.Writer, drawing *vgsvg.Canvas) error {
	var svg bytes.Buffer
	if _, err := drawing.WriteTo(&svg); err != nil {
		return err
	}
	// Where there is no Liberation, Arial has letters of the same width.
	_, err := w.Write(bytes.ReplaceAll(svg.Bytes(), []byte("font-family:Liberation Sans;"), []byte("font-family:Liberation Sans,Arial,sans-serif;")))
	return err
}

// ticksAt marks the values that were measured.
func ticksAt(places map[float64]bool) plot.ConstantTicks {
	var ticks plot.ConstantTicks
	for v := range places {
		ticks = append(ticks, plot.Tick{Value: v, Label: label(v)})
	}
	return ticks
}

// label writes a number without zeros that say nothing.
func label(v float64) string {
	switch {
	case v >= 1e6:
		return strconv.FormatFloat(v/1e6, 'g', 4, 64) + "M"
	case v >= 1e5:
		return strconv.FormatFloat(v/1e3, 'g', 4, 64) + "k"
	}
	return strconv.FormatFloat(v, 'g', 5, 64)
}
