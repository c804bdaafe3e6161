package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

// apduFlags are those of apdu.
type apduFlags struct{ keepGoing, noChain bool }

func (a *app) apduCommand() *cobra.Command {
	var flags apduFlags
	cmd := &cobra.Command{
		Use:   "apdu HEX[=SW]...",
		Short: "Send frames as they are and decode the answers",
		Long: `Send frames as they are, one after the other to the same card, and decode the
answers. A frame that begins with 90 or 00 is an APDU, any other a native DESFire
frame; both may be sent in one go if the card takes both. No session is opened.
Frames for the reader (FF), for a SAM (80) and for other applications are shown as
such, and what a reader passes on to the card inside of one (FF000000 .. D440 ..).

The first refusal ends it with exit code 1. What a frame must answer can stand
behind it, =91A0; if it answers something else, that ends it with exit code 10.
With --keep-going all frames are sent, and the exit code is that of the worst.

An answer in several frames (91AF, 61xx) is fetched, and a frame with the wrong
length (6Cxx) sent again, unless the next frame is AF or --no-chain is given.

Without an argument, or with -, frames are lines of standard input; # begins a
comment there.`,
		Example: `  desfire apdu 9060000000
  desfire apdu "90 5A 00 00 03 14 13 12 00 =9100"
  desfire apdu 5A000000 6A
  desfire apdu --no-chain 60 AF AF`,
		RunE: func(cmd *cobra.Command, args []string) error {
			frames, err := a.frames(cmd, args)
			if err != nil {
				return err
			}
			return a.withTransport(cmd, func(ctx context.Context, reader string, t desfire.Transport) error {
				if a.tracer != nil {
					t, _ = a.tracer.wrap(t)
				}
				s := &apduSender{app: a, apduFlags: flags, t: t, reader: reader}
				s.explain.KeepKeys = true // these are the user's own frames
				return s.all(ctx, frames)
			})
		},
	}
	cmd.Flags().BoolVarP(&flags.keepGoing, "keep-going", "k", false, "send all frames, whatever the card answers")
	cmd.Flags().BoolVar(&flags.noChain, "no-chain", false, "leave an answer in several frames where it is")
	return cmd
}

// apduResult is one line of apdu --json.
type apduResult struct {
	cardOf               // only the reader: nothing else was asked
	Command hexBytes     `json:"command"`
	Name    string       `json:"name"` // of the command, where it is known
	Answer  hexBytes     `json:"answer"`
	Status  string       `json:"status"`        // four digits
	Text    string       `json:"text"`          // the status in words
	Data    hexBytes     `json:"data"`          // the answer without its status
	Fields  []fieldValue `json:"fields"`        // of a complete answer that could be decoded
	For     string       `json:"for,omitempty"` // whom a command is for that is none of a DESFire card: "reader", "SAM"
	Via     string       `json:"via,omitempty"` // what the reader puts around a frame for the card
	Note    string       `json:"note,omitempty"`
	Millis  float64      `json:"ms"`
	Chained bool         `json:"chained"` // the tool sent it, for the rest of an answer
}

type fieldValue struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// apduSender sends frames to one card.
type apduSender struct {
	*app
	apduFlags
	t       desfire.Transport
	reader  string
	explain trace.Explainer
}

// all sends the frames until one does not answer as it must.
func (s *apduSender) all(ctx context.Context, frames []apduFrame) error {
	var failed []error
	for i, f := range frames {
		got, err := s.send(ctx, frames, i)
		if err != nil {
			return errors.Join(append(failed, err)...) // the card is gone, or nobody reads
		}
		err = judge(&got, f.want)
		switch left := len(frames) - i - 1; {
		case err == nil:
		case s.keepGoing:
			failed = append(failed, fmt.Errorf("frame %d: %w", i+1, err))
		case left > 0:
			return advise(fmt.Errorf("frame %d: %w", i+1, err), "%s not sent; --keep-going sends all.", count(left, "frame"))
		default:
			return fmt.Errorf("frame %d: %w", i+1, err)
		}
	}
	return errors.Join(failed...)
}

// judge is what an answer means for the run.
func judge(got *sent, want wire.Status) error {
	switch {
	case want != 0 && got.status != want:
		return withCode(exitDiffers, &statusError{got.status, fmt.Sprintf("%s answers %s, and not %04X", got.name, got.words, uint16(want))})
	case want == 0 && !got.good:
		return withCode(exitRefused, &statusError{got.status, fmt.Sprintf("%s: %s", got.name, got.words)})
	}
	return nil
}

// sent is what came of a frame.
type sent struct {
	name   string // of the command
	status wire.Status
	words  string // the status in words
	good   bool
	spec   *wire.Spec
	answer []byte
}

// statusError is an answer of the card to a frame that is not the tool's.
type statusError struct {
	status wire.Status
	text   string
}

func (e *statusError) Error() string { return e.text }

// send sends a frame and fetches the whole answer.
func (s *apduSender) send(ctx context.Context, frames []apduFrame, i int) (got sent, err error) {
	const most = 1000 // frames of one answer: a card that never ends has an end here
	byHand := i+1 < len(frames) && isFurther(frames[i+1].bytes)
	f := frames[i].bytes
	for n := 0; ; n++ {
		got, err = s.one(ctx, f, n > 0)
		if err != nil || s.noChain || byHand || frames[i].want == wire.StatusAdditionalFrame {
			return got, err
		}
		next := further(f, got.answer, got.status, got.spec)
		if next == nil || got.status>>8 == 0x6C && n > 0 {
			return got, nil
		}
		if n == most {
			return got, fmt.Errorf("%s: the answer does not end", got.name)
		}
		f = next
	}
}

// isFurther reports whether a frame asks for the rest of an answer, or gives
// that of a command.
func isFurther(f []byte) bool {
	return f[0] == wire.InsAdditionalFrame || len(f) > 1 && f[0] == 0x90 && f[1] == wire.InsAdditionalFrame || len(f) > 1 && f[0] == 0 && f[1] == 0xC0
}

// one sends one frame and prints it with its answer.
func (s *apduSender) one(ctx context.Context, f []byte, chained bool) (got sent, err error) {
	began := time.Now()
	rsp, err := s.exchange(ctx, s.t, f)
	if err != nil {
		return got, err
	}
	took := time.Since(began)
	command, answer := s.explain.Step(&trace.Exchange{Command: f, Response: rsp, Took: took.Microseconds()})
	r := apduResult{
		cardOf: cardOf{Reader: s.reader}, Command: f, Answer: rsp, Data: answer.Data, Millis: float64(took.Microseconds()) / 1000,
		Text: answer.Words, For: command.Whose, Via: command.Via, Fields: []fieldValue{}, Chained: chained,
	}
	got = sent{name: "the command", status: answer.Status, words: answer.Words, good: answer.Good, spec: command.Spec, answer: rsp}
	if command.Spec != nil || command.Whose != "" {
		r.Name, got.name = command.Name, command.Name
	}
	if answer.Status != 0 {
		r.Status = fmt.Sprintf("%04X", uint16(answer.Status))
	}
	r.Note = answer.Note
	if answer.Note == "" {
		for _, f := range answer.Fields {
			r.Fields = append(r.Fields, fieldValue{f.Name, f.Value})
		}
	}
	if s.json {
		return got, s.emit(r)
	}
	s.printAPDU(&r, answer.Good)
	return got, nil
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
	if r.Via != "" {
		name += " via " + r.Via
	}
	a.printf("%s %s  %s\n", p.Dim.Render(">"), spaced(r.Command), p.Name.Render(name))
	style := p.Bad
	if good {
		style = p.Good
	}
	a.printf("%s %s  %s\n", p.Dim.Render("<"), spaced(r.Answer), style.Render(r.Text))
	if r.Note != "" {
		a.printf("    [%s]\n", r.Note)
	}
	for _, f := range r.Fields {
		a.printf("    %s%s  %s\n", p.Dim.Render(f.Name), screen.Pad(f.Name, 20), f.Value)
	}
}
