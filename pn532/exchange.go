package pn532

import (
	"context"
	"errors"
	"time"
)

// maxData is the most of a card's command that one InDataExchange carries.
const maxData = 262

// maxAnswer ends an answer that never ends.
const maxAnswer = 1 << 17

var errLongAnswer = errors.New("the card's answer does not end")

// exchange carries a command to the activated card and appends its answer to
// dst. Nothing of it is ever sent twice. Longer ones travel in several frames
// each way, which the chip hands to the card as one (user manual, 7.3.8).
func (h *host) exchange(ctx context.Context, wait time.Duration, dst, command []byte) (answer []byte, sent bool, err error) {
	send := func(number byte, data []byte) (status byte, in []byte, err error) {
		in, left, err := h.command(ctx, wait, cmdInDataExchange, []byte{number}, data)
		sent = sent || left
		switch {
		case err != nil:
			return 0, nil, err
		case len(in) == 0:
			return 0, nil, &silence{errNotAnswered, true, wait, nil}
		case in[0]&statusMask != 0:
			return 0, nil, &StatusError{Status(in[0] & statusMask)}
		}
		return in[0], in[1:], nil
	}
	for len(command) > maxData {
		if _, _, err := send(target1|moreInformation, command[:maxData]); err != nil {
			return nil, sent, err
		}
		command = command[maxData:]
	}
	for {
		status, in, err := send(target1, command)
		if err != nil {
			return nil, sent, err
		}
		dst = append(dst, in...)
		switch {
		case status&moreInformation == 0:
			return dst, sent, nil
		case len(dst) > maxAnswer || len(in) == 0:
			return nil, sent, errLongAnswer
		}
		command = nil // the rest, please
	}
}
