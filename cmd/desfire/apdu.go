package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/trace"
	"github.com/spf13/cobra"
)

func (a *app) apduCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "apdu HEX...",
		Short: "Send frames as they are and decode the answers",
		Long: `Send frames as they are, one after the other to the same card, and decode the
answers. Nothing else is sent. A frame that begins with 90 or 00 is an APDU, any
other a native DESFire frame; both may be sent in one go if the card takes both.
Without an argument, or with -, frames are lines of standard input.`,
		Example: `  desfire apdu 9060000000
  desfire apdu "90 5A 00 00 03 14 13 12 00" "90 6C 00 00 01 01 00"
  desfire apdu 60 AF AF`,
		RunE: func(cmd *cobra.Command, args []string) error {
			frames, err := a.frames(cmd, args)
			if err != nil {
				return err
			}
			return a.withTransport(cmd, func(ctx context.Context, _ string, t desfire.Transport) error {
				return a.apdus(ctx, t, frames)
			})
		},
	}
	return cmd
}

// frames are the arguments, or the lines of standard input.
func (a *app) frames(cmd *cobra.Command, args []string) ([][]byte, error) {
	if len(args) == 0 && screen.Terminal(a.stdin) {
		return nil, &usageError{cmd, errors.New("nothing to send: want one or more frames in hexadecimal")}
	}
	if len(args) == 0 || len(args) == 1 && args[0] == "-" {
		args = nil
		for in := bufio.NewScanner(a.stdin); in.Scan(); {
			if in.Text() != "" {
				args = append(args, in.Text())
			}
		}
		if len(args) == 0 {
			return nil, &usageError{cmd, errors.New("nothing to send: standard input is empty")}
		}
	}
	var frames [][]byte
	for _, arg := range args {
		b, err := parseHex(arg)
		if err != nil {
			return nil, &usageError{cmd, err}
		}
		frames = append(frames, b)
	}
	return frames, nil
}

// apduResult is one line of apdu --json.
type apduResult struct {
	Command hexBytes     `json:"command"`
	Name    string       `json:"name"` // of the command, where it is known
	Answer  hexBytes     `json:"answer"`
	Status  string       `json:"status"` // four digits
	Text    string       `json:"text"`   // the status in words
	Data    hexBytes     `json:"data"`   // the answer without its status
	Fields  []fieldValue `json:"fields"` // of a complete answer that could be decoded
	Millis  float64      `json:"ms"`
}

type fieldValue struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func (a *app) apdus(ctx context.Context, t desfire.Transport, frames [][]byte) error {
	if a.tracer != nil {
		t, _ = a.tracer.wrap(t)
	}
	x := trace.Explainer{KeepKeys: true} // these are the user's own frames
	for _, f := range frames {
		began := time.Now()
		rsp, err := a.exchange(ctx, t, f)
		if err != nil {
			return err
		}
		took := time.Since(began)
		command, answer := x.Step(&trace.Exchange{Command: f, Response: rsp, Took: took.Microseconds()})
		r := apduResult{Command: f, Answer: rsp, Data: answer.Data, Millis: float64(took.Microseconds()) / 1000, Fields: []fieldValue{}}
		if command.Spec != nil {
			r.Name = command.Spec.Name
		}
		if answer.Status == 0 {
			r.Text = "too short for a status"
		} else {
			r.Status, r.Text = fmt.Sprintf("%04X", uint16(answer.Status)), answer.Status.Error()
		}
		if answer.Note == "" {
			for _, f := range answer.Fields {
				r.Fields = append(r.Fields, fieldValue{f.Name, f.Value})
			}
		}
		if a.json {
			if err := a.emit(r); err != nil {
				return err
			}
			continue
		}
		a.printAPDU(&r, answer.Status != 0 && !answer.Refused())
	}
	return nil
}

func (a *app) exchange(ctx context.Context, t desfire.Transport, f []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, apduTimeout, errNoAnswer)
	defer cancel()
	rsp, err := t.Transmit(ctx, f)
	if err != nil && errors.Is(context.Cause(ctx), errNoAnswer) {
		err = errNoAnswer
	}
	return append([]byte(nil), rsp...), err
}

// apduTimeout is enough for the slowest command, FormatPICC.
const apduTimeout = 30 * time.Second

var errNoAnswer = fmt.Errorf("no answer from the card within %v", apduTimeout)

func (a *app) printAPDU(r *apduResult, good bool) {
	p := a.out
	name := r.Name
	if name == "" {
		name = "unknown command"
	}
	a.printf("%s %s  %s\n", p.Dim.Render(">"), spaced(r.Command), p.Name.Render(name))
	style := p.Bad
	if good {
		style = p.Good
	}
	a.printf("%s %s  %s\n", p.Dim.Render("<"), spaced(r.Answer), style.Render(r.Text))
	for _, f := range r.Fields {
		a.printf("    %s%s  %s\n", p.Dim.Render(f.Name), screen.Pad(f.Name, 20), f.Value)
	}
}
