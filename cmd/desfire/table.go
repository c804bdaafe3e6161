package main

import (
	"strings"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"

	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/internal/visible"
)

// printTable prints rows under headers.
func (a *app) printTable(headers []string, rows [][]string) {
	t := table.New().Border(lipgloss.HiddenBorder()).BorderTop(false).BorderBottom(false).BorderLeft(false).BorderRight(false).BorderHeader(false).
		Headers(headers...).Wrap(false).
		StyleFunc(func(row, col int) lipgloss.Style {
			switch {
			case row == table.HeaderRow:
				return a.out.Dim.Lipgloss()
			case col == 0:
				return a.out.Name.Lipgloss()
			}
			return lipgloss.NewStyle()
		})
	for _, r := range rows {
		for i := range r {
			r[i] = visible.Text(r[i])
		}
		t.Row(r...)
	}
	for line := range strings.SplitSeq(t.String(), "\n") {
		a.printf("%s\n", screen.Text(strings.TrimRight(line, " ")))
	}
}
