package main

import (
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/perso/yaml"
	"github.com/spf13/cobra"
)

func (a *app) layoutLintCommand() *cobra.Command {
	var strict, quiet bool
	cmd := &cobra.Command{
		Use:   "lint LAYOUT...",
		Short: "Check layouts without a card",

		SuggestFor: []string{"check", "validate"},
		Long: `Check layouts without a card: whether they can be read, contradict themselves, give
rights that nobody has or more than meets the eye, and how much memory they take
of each generation. Each finding has a line, FILE:LINE:COLUMN: error, warning or
note. The exit code is 9 if there is an error, with --strict also for a warning.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{cmd, errors.New("LAYOUT missing: want one or more files")}
			}
			return nil
		},
		Example: `  desfire layout lint visitor.yaml
  desfire layout lint visitor.yaml visitor-2.yaml --quiet --json`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.layoutLint(cmd, args, strict, quiet) },

		ValidArgsFunction: completeLayout(-1),
	}
	cmd.Flags().BoolVar(&strict, "strict", false, "warnings are errors")
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "leave out notes")
	return cmd
}

// layoutLintResult is what layout lint prints of a layout with --json.
type layoutLintResult struct {
	Layout   string         `json:"layout"`
	Findings []yaml.Finding `json:"findings"`
	Errors   int            `json:"errors"`
	Warnings int            `json:"warnings"`
	Notes    int            `json:"notes"`
}

func (a *app) layoutLint(cmd *cobra.Command, paths []string, strict, quiet bool) error {
	wrong := 0
	for _, path := range paths {
		r := layoutLintResult{Layout: path, Findings: []yaml.Finding{}}
		l, err := a.openLayout(cmd.Context(), path)
		var bad yaml.Errors
		switch {
		case errors.As(err, &bad):
			for _, e := range bad {
				r.Findings = append(r.Findings, yaml.Finding{Line: e.Line, Column: e.Column, Severity: yaml.SeverityError, Text: e.Text})
			}
		case err != nil:
			return err
		default:
			r.Findings = append(r.Findings, l.doc.Lint()...)
		}
		for _, f := range r.Findings {
			switch f.Severity {
			case yaml.SeverityError:
				r.Errors++
			case yaml.SeverityWarning:
				r.Warnings++
			default:
				r.Notes++
			}
		}
		if r.Errors > 0 || strict && r.Warnings > 0 {
			wrong++
		}
		if a.json {
			if err := a.emit(r); err != nil {
				return err
			}
			continue
		}
		a.printFindings(&r, quiet)
	}
	if wrong > 0 {
		return withCode(exitInput, fmt.Errorf("not to be used as it is: %d of %s", wrong, count(len(paths), "layout")))
	}
	return nil
}

// printFindings prints findings as compilers do, so that editors find the place.
func (a *app) printFindings(r *layoutLintResult, quiet bool) {
	p := a.out
	for _, f := range r.Findings {
		style := p.Dim
		switch f.Severity {
		case yaml.SeverityError:
			style = p.Bad
		case yaml.SeverityWarning:
			style = p.Warn
		default:
			if quiet {
				continue
			}
		}
		at := ""
		if f.Line > 0 { // else it is about the whole file
			at = fmt.Sprintf(":%d:%d", f.Line, f.Column)
		}
		a.printf("%s%s: %s %s\n", p.Name.Render(r.Layout), at, style.Render(string(f.Severity)+":"), f.Text)
	}
	if r.Errors+r.Warnings == 0 {
		a.printf("%s: %s\n", p.Name.Render(r.Layout), p.Good.Render("nothing is wrong"))
	}
}
