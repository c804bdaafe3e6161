package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/trace"
	"github.com/spf13/cobra"
)

func (a *app) traceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trace",
		Short: "Show, verify, diagnose and convert recorded sessions",
		Long: `Work with recorded sessions: what --trace FILE of other verbs writes, lines of
hexadecimal digits that start with > and <, and the logs of other programs: of
Proxmark, libnfc, pcscd, pcsc-spy, OpenSC, pyscard, scriptor, GlobalPlatformPro,
nfc-pcsc, ChameleonMini, Android and NCI, and any whose lines have labels as TX: and
RX:, IN and OUT, or command and response. The format is found out. What wraps the
frames is taken off, and lines that look like traffic and are not taken are named. No
verb needs a card.`,
		Args: subcommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.traceShowCommand(), a.traceVerifyCommand(), a.traceDiagnoseCommand(), a.traceConvertCommand())
	return cmd
}

// someFiles demands at least one file.
func someFiles(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return &usageError{cmd, errors.New("no file given: want one or more recordings, - for standard input")}
	}
	return nil
}

func (a *app) traceShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show FILE...",
		Short: "Say in words what a recorded session is about",
		Long: `Say in words what passed: a line for each command and each answer, with fields
and statuses. Without keys: enciphered parts stay as they are. What carries keys is not
shown, nor what it can be computed from, unless --trace-keys. The number in front is
that of the first exchange. With --json, one object for each command and answer.

Of the log of another program, the first line says what it was recognised as, and the
last ones which lines were not taken, and why.`,
		Example: `  desfire trace show session.json
  pcscd --foreground --apdu --debug | desfire trace show -`,
		Args: someFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			var failed error
			for _, name := range args {
				rec, err := readRecording(cmd.Context(), name)
				if errors.Is(err, errInterrupted) {
					return err
				}
				if err == nil {
					err = a.traceShow(name, rec, len(args) > 1)
				}
				if err != nil {
					failed = a.nextFile(failed, err)
				}
			}
			return failed
		},
	}
}

// nextFile reports the error of a file before the next one comes. It returns
// the error to end with.
func (a *app) nextFile(before, err error) error {
	if before != nil {
		a.complain(oneLine(before))
	}
	return err
}

// shownLine is one line of show --json.
type shownLine struct {
	File     string       `json:"file"`
	Exchange int          `json:"exchange"`
	From     string       `json:"from"` // "reader" or "card"
	Name     string       `json:"name"` // command, or status in words
	Fields   []fieldValue `json:"fields"`
	Channel  string       `json:"channel"`       // scheme and mode, empty outside a session
	Frame    hexBytes     `json:"frame"`         // the first one, up to what was cut
	Cut      int          `json:"cut,omitempty"` // how many bytes that is
	Frames   int          `json:"frames"`
	Status   string       `json:"status,omitempty"`
	For      string       `json:"for,omitempty"` // whom a command is for that is none of a DESFire card: "reader", "SAM"
	Via      string       `json:"via,omitempty"` // what the reader put around the frame
	Note     string       `json:"note,omitempty"`
}

func (a *app) traceShow(name string, rec *trace.Recording, heading bool) error {
	p := a.out
	switch {
	case rec.Format != trace.FormatJSON:
		if err := a.showLog(name, rec); err != nil {
			return err
		}
	case heading && !a.json:
		a.printf("%s\n", p.Title.Render(name))
	}
	x := trace.Explainer{Framing: rec.Framing, KeepKeys: a.traceKeys}
	for _, l := range x.All(rec) {
		if a.json {
			s := shownLine{
				File: name, Exchange: l.Exchange, From: "reader", Name: l.Name, Fields: []fieldValue{},
				Channel: l.Channel, Frame: l.Raw, Cut: l.Cut, Frames: l.Frames, Note: l.Note, For: l.Whose, Via: l.Via,
			}
			for _, f := range l.Fields {
				s.Fields = append(s.Fields, fieldValue{Name: f.Name, Value: f.Value})
			}
			if l.Answer {
				if s.From = "card"; l.Whose == "reader" || l.Whose == "reader's chip" || l.Whose == "SAM" {
					s.From = l.Whose
				}
				s.Status = fmt.Sprintf("%04X", uint16(l.Status))
			}
			if err := a.emit(s); err != nil {
				return err
			}
			continue
		}
		a.printTraced(&l)
	}
	return a.showSkipped(name, rec)
}

// showIndent is where the lines of a message begin that follow its first.
const showIndent = "        "

// printTraced prints a line of a recording, folded.
func (a *app) printTraced(l *trace.Line) {
	p := a.out
	arrow, head := "->", commandName(p, l)
	if l.Answer {
		arrow, head = "<-", p.Bad.Render(l.Name)
		if l.Good {
			head = p.Good.Render(l.Name)
		}
	}
	a.printShown(l.Exchange, arrow, traceLines(p, head, words(l), rawWords(l, false), traceColumns(a.stdout)-len(showIndent)))
}

// printShown prints lines behind the number of an exchange, none if negative.
func (a *app) printShown(exchange int, arrow string, lines []screen.Text) {
	number := screen.Text("    ")
	if exchange >= 0 {
		number = a.out.Dim.Render(fmt.Sprintf("%4d", exchange))
	}
	for i, l := range lines {
		l = screen.Text(strings.TrimRight(string(l), " "))
		if i == 0 {
			a.printf("%s %s %s\n", number, arrow, l)
			continue
		}
		a.printf("%s%s\n", showIndent, l)
	}
}

// readRecording reads a recording or a log. What cannot be read is a bad file.
func readRecording(ctx context.Context, name string) (*trace.Recording, error) {
	rec, err := untilEnd(ctx, func() (*trace.Recording, error) { return trace.ReadFile(name) })
	return rec, withCode(exitInput, err)
}
