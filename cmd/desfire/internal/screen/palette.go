package screen

import "charm.land/lipgloss/v2"

// Style is how a text looks.
type Style struct{ s lipgloss.Style }

// Render is a text in this style. What is no Text is made visible.
func (s Style) Render(v any) Text { return Text(s.s.Render(string(Sprintf("%v", v)))) }

// Palette is how texts look on one stream: the sixteen colors that every
// terminal lets its user choose, or nothing at all. None of them is weaker than
// plain text but Dim, which is for bytes and other asides.
type Palette struct {
	Color  bool
	Title  Style // headings
	Name   Style // what things are called
	Number Style // amounts and sizes
	Dim    Style
	Good   Style
	Warn   Style
	Bad    Style
}

// NewPalette is the palette of a stream.
func NewPalette(color bool) Palette {
	p := Palette{Color: color}
	if !color {
		return p
	}
	fg := func(c lipgloss.Style) Style { return Style{c} }
	plain := lipgloss.NewStyle()
	p.Title = fg(plain.Bold(true))
	p.Name = fg(plain.Foreground(lipgloss.Cyan))
	p.Number = fg(plain.Foreground(lipgloss.Magenta))
	p.Dim = fg(plain.Faint(true))
	p.Good = fg(plain.Foreground(lipgloss.Green))
	p.Warn = fg(plain.Foreground(lipgloss.Yellow))
	p.Bad = fg(plain.Foreground(lipgloss.Red))
	return p
}

// Lipgloss is the style as that library has it, for its tables and trees.
func (s Style) Lipgloss() lipgloss.Style { return s.s }
