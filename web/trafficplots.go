package web

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-desfire/desfire/internal/visible"
)

// plotSeconds and plotLines are how far plots look back.
const (
	plotSeconds = 60
	plotLines   = 80
)

// perSecond counts exchanges by second.
type perSecond struct {
	second [plotSeconds]int64
	count  [plotSeconds]int
}

func (p *perSecond) add(at time.Time) {
	s := at.Unix()
	i := s % plotSeconds
	if p.second[i] != s {
		p.second[i], p.count[i] = s, 0
	}
	p.count[i]++
}

// upTo are the counts of the seconds before now and of its own, oldest first.
func (p *perSecond) upTo(now time.Time) []float64 {
	var counts []float64
	for s := now.Unix() - plotSeconds + 1; s <= now.Unix(); s++ {
		n := 0
		if i := s % plotSeconds; p.second[i] == s {
			n = p.count[i]
		}
		counts = append(counts, float64(n))
	}
	return counts
}

// plot is one picture, with the same in words. X is its place, Y what is seen there.
type plot struct {
	ID    string       `json:"id"`
	Value string       `json:"value"`
	Axis  [3]string    `json:"axis"`
	Label string       `json:"label"` // what is to be seen, a sentence
	Words string       `json:"words"` // all numbers
	Min   float64      `json:"min"`
	Max   float64      `json:"max"`
	X     []float64    `json:"x"`
	Y     [][]*float64 `json:"y"`
}

// plots are the pictures of a reader's traffic at one moment.
type plots struct {
	Plots []plot `json:"plots"`
	Moves bool   `json:"moves"` // they change without new exchanges
}

func (t *traffic) plots() plots {
	t.mu.Lock()
	now := t.now()
	counts := t.seconds.upTo(now)
	var lines []*line
	for i := len(t.lines) - 1; i >= 0 && len(lines) < plotLines; i-- {
		if t.lines[i].kind == "" {
			lines = append(lines, t.lines[i])
		}
	}
	t.mu.Unlock()
	slices.Reverse(lines)
	return plots{[]plot{plotRate(counts), plotTimes(lines), plotAir(lines)}, slices.Max(counts) > 0}
}

// above is a round number, unit at least, that is not less than any of those given.
func above(unit float64, values ...float64) float64 {
	most := slices.Max(append(values, 0))
	for ; ; unit *= 10 {
		for _, m := range [...]float64{1, 2, 3, 5} {
			if most <= m*unit {
				return m * unit
			}
		}
	}
}

func places(n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = float64(i)
	}
	return x
}

func plotRate(counts []float64) plot {
	// The second that runs is not over: what is told is the busiest of the last two.
	n := len(counts)
	top := above(1, counts...)
	p := plot{
		ID: "rate", Value: grouped(int(max(counts[n-1], counts[n-2]))), Max: top, X: places(n), Y: [][]*float64{pointers(counts)},
		Axis: [3]string{"1 min ago", fmt.Sprintf("0 to %s", grouped(int(top))), "now"},
	}
	p.Label = fmt.Sprintf("Exchanges per second over the last minute, %s at most", grouped(int(slices.Max(counts))))
	var said []string
	for i, c := range counts {
		if c > 0 {
			said = append(said, fmt.Sprintf("%d s ago: %s", n-1-i, grouped(int(c))))
		}
	}
	p.Words = "None in the last minute."
	if len(said) > 0 {
		p.Words = strings.Join(said, "; ") + "; none in the other seconds."
	}
	return p
}

func plotTimes(lines []*line) plot {
	p := plot{ID: "time", Value: "–", X: places(len(lines)), Y: [][]*float64{make([]*float64, len(lines)), make([]*float64, len(lines))}}
	all := make([]float64, 0, len(lines))
	var said []string
	for i, l := range lines {
		ms := milliseconds(l.took)
		all = append(all, ms)
		words := fmt.Sprintf("%s %s", l.label(), inMilliseconds(l.took))
		if l.answered {
			p.Y[0][i] = &ms
		} else {
			p.Y[1][i] = &ms
			words += ", no answer"
		}
		said = append(said, words)
	}
	p.Max = above(0.1, all...)
	p.Axis = [3]string{"older", fmt.Sprintf("0 to %.3g ms", p.Max), "newest"}
	p.Label, p.Words = "Time of each command, none yet", "None yet."
	if len(all) > 0 {
		slices.Sort(all)
		p.Value = inMilliseconds(time.Duration(all[len(all)/2] * float64(time.Millisecond)))
		p.Label = fmt.Sprintf("Time of each of the last %d commands, half of them up to %s, the longest %.1f ms", len(all), p.Value, all[len(all)-1])
		p.Words = strings.Join(said, "; ") + "."
	}
	return p
}

func plotAir(lines []*line) plot {
	p := plot{ID: "air", Value: "–", X: places(len(lines)), Y: [][]*float64{make([]*float64, len(lines)), make([]*float64, len(lines))}}
	var most, up, down float64
	var sent, received int
	var said []string
	for i, l := range lines {
		out, back := milliseconds(l.up), -milliseconds(l.down)
		p.Y[0][i], p.Y[1][i] = &out, &back
		most, up, down = max(most, out, -back), up+out, down-back
		sent, received = sent+l.sent, received+l.received
		said = append(said, fmt.Sprintf("%s %d and %d bytes, %.1f and %.1f ms", l.label(), l.sent, l.received, out, -back))
	}
	p.Max = above(1, most)
	p.Min = -p.Max
	p.Axis = [3]string{"older", fmt.Sprintf("up to %s ms, at 106 kbit/s", grouped(int(p.Max))), "newest"}
	p.Label, p.Words = "Time on air of commands and answers, none yet", "None yet."
	if len(lines) > 0 {
		p.Value = fmt.Sprintf("%.0f / %.0f ms", up, down)
		p.Label = fmt.Sprintf("Time on air of the last %d commands and their answers, reckoned at 106 kbit/s: %.1f and %.1f ms, for %s and %s bytes",
			len(lines), up, down, grouped(sent), grouped(received))
		p.Words = strings.Join(said, "; ") + "."
	}
	return p
}

func (l *line) label() string { return fmt.Sprintf("%d %s", l.no, visible.Text(l.name)) }

func pointers(values []float64) []*float64 {
	p := make([]*float64, len(values))
	for i := range values {
		p[i] = &values[i]
	}
	return p
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// inMilliseconds is a time as people read it.
func inMilliseconds(d time.Duration) string {
	return rounded(d) + " ms"
}

func rounded(d time.Duration) string {
	switch {
	case d >= 100*time.Millisecond:
		return grouped(d.Milliseconds())
	case d >= time.Millisecond:
		return fmt.Sprintf("%.1f", milliseconds(d))
	}
	return fmt.Sprintf("%.3f", milliseconds(d))
}
