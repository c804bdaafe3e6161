package web

import "fmt"

// gauge is a value between its limits as a picture, and a part of it enlarged where what
// is in doubt could not be seen. Positions are in per cent of the width.
type gauge struct {
	Label string
	Bars  []gaugeBar
	// Zoom are the ends of the part of the first bar that the second enlarges.
	ZoomFrom, ZoomTo string
}

// gaugeBar is one bar.
type gaugeBar struct {
	Label             string
	Fill              string // width of what is sure
	Maybe, MaybeWidth string // of what is in doubt; empty if nothing is
	Ticks             []gaugeTick
}

type gaugeTick struct {
	X, Anchor string
	Words     string
	Minor     bool // left out where there is little room
}

// gaugeOf draws a value; doubt is by how much a change that is open would move or has
// moved it.
func gaugeOf(lower, upper int32, value, doubt int64) *gauge {
	from, to := int64(lower), int64(upper)
	if to <= from {
		return nil
	}
	low, high := min(value, value+doubt), max(value, value+doubt)
	g := &gauge{Label: fmt.Sprintf("%s of %s to %s", grouped(low), grouped(from), grouped(to)), Bars: []gaugeBar{bar(from, to, low, high)}}
	if doubt == 0 {
		return g
	}
	g.Label += fmt.Sprintf("; %s to %s is in doubt", grouped(low), grouped(high))
	if width := high - low; width*12 < to-from {
		step := niceStep(width)
		a := max(low/step*step-step, from)
		if low < 0 {
			a = max((low-step+1)/step*step-step, from)
		}
		b := min(a+4*step, to)
		if b < high {
			b = min(a+8*step, to)
		}
		if a < b {
			part := bar(a, b, max(low, a), min(high, b))
			part.Label = "Enlarged: " + grouped(a) + " to " + grouped(b)
			g.Bars = append(g.Bars, part)
			g.ZoomFrom, g.ZoomTo = percent(a-from, to-from), percent(b-from, to-from)
		}
	}
	return g
}

// niceStep is a round number that is not less than n.
func niceStep(n int64) int64 {
	for unit := int64(1); ; unit *= 10 {
		for _, m := range []int64{1, 2, 5} {
			if unit*m >= n {
				return unit * m
			}
		}
	}
}

func bar(from, to, low, high int64) gaugeBar {
	width := to - from
	b := gaugeBar{Fill: percent(low-from, width)}
	if high > low {
		b.Maybe, b.MaybeWidth = percent(low-from, width), percent(max(high-low, width/400), width)
	}
	for i := range int64(5) {
		t := gaugeTick{X: percent(i, 4), Anchor: "middle", Minor: i == 1 || i == 3}
		switch i {
		case 0:
			t.Anchor = "start"
		case 4:
			t.Anchor = "end"
		}
		if at := width * i; i > 0 && i < 4 && width < 4 {
			continue // less than one between two ticks
		} else {
			t.Words = grouped(from + at/4)
		}
		b.Ticks = append(b.Ticks, t)
	}
	return b
}

// percent is a part of a whole, for attributes of SVG.
func percent(part, whole int64) string {
	p := float64(part) / float64(whole) * 100
	return fmt.Sprintf("%.3f%%", min(max(p, 0), 100))
}
