package desfire

import (
	"context"
	"errors"

	"github.com/go-desfire/desfire/wire"
)

// begunByTwo is begun where one key names the reader, or reads the receipt, and
// another reads the rest. The fence comes first: what is read after it is not read
// too early, even from a card that a relay got to commit between the two keys.
func (c *Card) begunByTwo(ctx context.Context, conf *SettleConfig, s *Settlement) error {
	if !conf.named() {
		if err := c.enter(ctx, conf.Place, *conf.reader()); err != nil {
			return &FenceError{"selection and authentication", err}
		}
		return c.readByTwo(ctx, conf, s)
	}
	for again := false; ; again = true {
		if err := c.enter(ctx, conf.Place, *conf.reader()); err != nil {
			return &FenceError{"selection and authentication", err}
		}
		enc, err := c.CommitReaderID(ctx, *conf.TMAC.ReaderID)
		if err == nil {
			s.EncTMRI = enc
			break
		}
		if denied := errors.Is(err, wire.StatusPermissionDenied); !denied || again {
			return c.unfenced(ctx, conf, s, denied, &FenceError{"naming the reader", err})
		}
	}
	if err := c.drop(ctx); err != nil {
		return err
	}
	if err := c.readByTwo(ctx, conf, s); err != nil {
		return err
	}
	s.Fence = FenceAbort
	return nil
}

// unfenced reads without a fence where the card still answers, since that may tell
// what happened, and returns why there is none.
func (c *Card) unfenced(ctx context.Context, conf *SettleConfig, s *Settlement, answers bool, why *FenceError) error {
	if !answers || c.enter(ctx, conf.Place, *conf.reader()) != nil || c.readByTwo(ctx, conf, s) != nil {
		return why
	}
	if err := c.settleReads(ctx, conf, s); err != nil {
		return errors.Join(why, err)
	}
	return why
}

// readByTwo goes on from the session of the key that names the reader to that of
// the key that reads, and reads the receipt with the one that may.
func (c *Card) readByTwo(ctx context.Context, conf *SettleConfig, s *Settlement) error {
	if conf.CardUID { // before anything of the card is read
		uid, err := c.CardUID(ctx)
		if err != nil {
			return &FenceError{"asking which card it is", err}
		}
		s.UID = uid
	}
	if conf.TMAC.ReaderReads {
		if err := c.settleReceipt(ctx, conf, s); err != nil {
			return err
		}
	}
	if err := c.goOn(ctx, conf.Login); err != nil {
		return &FenceError{"authentication of the key that reads", err}
	}
	if err := c.ask(ctx, conf, s); err != nil {
		return &FenceError{"asking what the files are", err}
	}
	if conf.TMAC.ReaderReads {
		return nil
	}
	return c.settleReceipt(ctx, conf, s)
}

// goOn authenticates another key in the session, which keeps what pends.
func (c *Card) goOn(ctx context.Context, l SettleKey) error {
	s, ok := c.Session()
	if !ok {
		return errNoSession
	}
	return c.AuthenticateWith(ctx, s.NonFirst(), l.No, l.Key)
}
