package main

import (
	"bufio"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

// apduFrame is a frame to send, and the status that its answer must have.
type apduFrame struct {
	bytes []byte
	want  wire.Status // 0: any success
}

// frames are the arguments, or the lines of standard input.
func (a *app) frames(cmd *cobra.Command, args []string) ([]apduFrame, error) {
	if len(args) == 0 && screen.Terminal(a.stdin) {
		return nil, &usageError{cmd, errors.New("nothing to send: want one or more frames in hexadecimal")}
	}
	if len(args) > 0 && (len(args) > 1 || args[0] != "-") {
		frames, err := parseFrames(nil, args...)
		if err != nil {
			err = &usageError{cmd, err}
		}
		return frames, err
	}
	var frames []apduFrame
	in := bufio.NewScanner(interruptible{cmd.Context(), a.stdin})
	for n := 1; in.Scan(); n++ {
		line, _, _ := strings.Cut(in.Text(), "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		var err error
		if frames, err = parseFrames(frames, line); err != nil {
			return nil, &usageError{cmd, fmt.Errorf("line %d: %w", n, err)}
		}
	}
	switch {
	case in.Err() != nil:
		return nil, withCode(exitInput, fmt.Errorf("standard input: %w", in.Err()))
	case len(frames) == 0:
		return nil, &usageError{cmd, errors.New("nothing to send: standard input is empty")}
	}
	return frames, nil
}

// parseFrames adds what words say: a frame, the status expected of the frame
// before, or a frame and its status.
func parseFrames(frames []apduFrame, words ...string) ([]apduFrame, error) {
	for _, w := range words {
		digits, status, expects := strings.Cut(w, "=")
		if strings.TrimSpace(digits) != "" {
			b, err := parseHex(digits)
			if err != nil {
				return nil, err
			}
			frames = append(frames, apduFrame{bytes: b})
		}
		if !expects {
			if strings.TrimSpace(digits) == "" {
				return nil, fmt.Errorf("%q: no byte in it", w)
			}
			continue
		}
		want, err := expectedStatus(status)
		switch {
		case err != nil:
			return nil, err
		case len(frames) == 0:
			return nil, fmt.Errorf("=%s says what a frame before it must answer, and there is none", status)
		case frames[len(frames)-1].want != 0:
			return nil, fmt.Errorf("=%s: one frame has two expected statuses", status)
		}
		frames[len(frames)-1].want = want
	}
	return frames, nil
}

// expectedStatus reads four digits, or two for a native status.
func expectedStatus(s string) (wire.Status, error) {
	s = strings.TrimSpace(s)
	n, err := strconv.ParseUint(s, 16, 16)
	switch {
	case err == nil && len(s) == 4 && n != 0:
		return wire.Status(n), nil
	case err == nil && len(s) == 2:
		return wire.Status(0x9100 | n), nil
	}
	return 0, fmt.Errorf("=%s: want four hexadecimal digits of a status, for example =91A0", s)
}

// further is the frame that gets what an answer has more of, nil if it has
// all, or if the card wants something that only the sender of the frame can
// know.
func further(sent, answer []byte, status wire.Status, spec *wire.Spec) []byte {
	native := sent[0] != 0x90 && sent[0] != 0x00
	switch {
	case sent[0] == 0xFF: // to the reader, which may have put the card's frame into it
		if status>>8 == 0x61 {
			return []byte{0xFF, 0xC0, 0x00, 0x00, byte(status)}
		}
		return nil
	case status == wire.StatusAdditionalFrame:
		if spec != nil && (spec.Success == wire.StatusAdditionalFrame || takesMore(spec)) {
			return nil // a token, or the rest of the command
		}
		if native {
			return []byte{wire.InsAdditionalFrame}
		}
		return []byte{0x90, wire.InsAdditionalFrame, 0, 0, 0}
	case native || len(answer) < 2:
		return nil
	case status>>8 == 0x61: // ISO 7816-4: so many bytes are there to be had
		return []byte{0x00, 0xC0, 0x00, 0x00, byte(status)}
	case status>>8 == 0x6C: // ISO 7816-4: so many bytes are to be asked for
		return withLe(sent, byte(status))
	}
	return nil
}

// takesMore reports whether a card that answers AF to a command wants more of
// it, since there is nothing that it could tell.
func takesMore(spec *wire.Spec) bool {
	_, nothing := spec.NewResponse().(*wire.Empty)
	return nothing
}

// withLe is a short APDU with another Le, nil if it is none.
func withLe(apdu []byte, le byte) []byte {
	switch n := len(apdu); {
	case n == 4:
		return append(append([]byte(nil), apdu...), le)
	case n == 5, n > 5 && n == 6+int(apdu[4]):
		return append(append([]byte(nil), apdu[:n-1]...), le)
	case n > 5 && n == 5+int(apdu[4]):
		return append(append([]byte(nil), apdu...), le)
	}
	return nil
}
