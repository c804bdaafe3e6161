package main

import (
	"strings"

	"charm.land/lipgloss/v2"
)

// palette is how texts look on one stream: the sixteen colors that every
// terminal lets its user choose, or nothing at all.
type palette struct {
	color  bool
	title  lipgloss.Style // headings
	name   lipgloss.Style // what things are called
	number lipgloss.Style // amounts and sizes
	dim    lipgloss.Style // bytes and other asides
	good   lipgloss.Style
	warn   lipgloss.Style
	bad    lipgloss.Style
}

func newPalette(color bool) palette {
	p := palette{color: color}
	if !color {
		return p
	}
	plain := lipgloss.NewStyle()
	p.title = plain.Bold(true)
	p.name = plain.Foreground(lipgloss.Cyan)
	p.number = plain.Foreground(lipgloss.Magenta)
	p.dim = plain.Foreground(lipgloss.BrightBlack)
	p.good = plain.Foreground(lipgloss.Green)
	p.warn = plain.Foreground(lipgloss.Yellow)
	p.bad = plain.Foreground(lipgloss.Red)
	return p
}

// pad is what brings text to width, at least nothing.
func pad(text string, width int) string {
	return strings.Repeat(" ", max(width-lipgloss.Width(text), 0))
}
