package desfire

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// enter selects and authenticates.
func (c *Card) enter(ctx context.Context, p Place, l SettleKey) error {
	if l.Key == nil {
		return c.Select(ctx, p)
	}
	return c.EnterWith(ctx, p, c.settleMethod(l), l.No, l.Key)
}

func (c *Card) settle(ctx context.Context, conf *SettleConfig, s *Settlement) error {
	s.Protected = true
	stop, err := c.watch(func(x *Exchange) {
		reads := x.Command.Spec().Rule == wire.RuleRead
		_, tells := x.Command.(*wire.GetFileSettings)
		switch x.Session {
		case wire.SchemeNone, wire.SchemeD40:
			s.Protected = s.Protected && !reads && !tells
		case wire.SchemeEV1:
		default:
			s.Protected = s.Protected && !(reads && x.Mode == wire.CommPlain)
		}
	}, func() {})
	if err != nil {
		return err
	}
	defer stop()
	if err := c.begun(ctx, conf, s); err != nil {
		return err
	}
	if err := c.settleReads(ctx, conf, s); err != nil {
		return &FenceError{"reading", err}
	}
	switch {
	case s.Fence != 0:
		return nil
	case conf.Accidents:
		s.Fence = FenceSelection
		return nil
	}
	if err := c.touch(ctx, conf); err != nil {
		return err
	}
	if err := c.drop(ctx); err != nil {
		return err
	}
	s.Fence = FenceAbort
	return nil
}

// drop aborts what pends, of which something of our own is a part. Only an answer
// in the session says that it is dropped.
func (c *Card) drop(ctx context.Context) error {
	if err := c.Abort(ctx); err != nil {
		return &FenceError{"the card did not confirm that it dropped something", err}
	}
	if _, ok := c.Session(); !ok {
		return &FenceError{"the session is gone", errNoSession}
	}
	return nil
}

// begun opens the session, reads the receipt and names the reader. A card that
// refuses the name because the pending transaction has one has dropped that
// transaction: once more, from the receipt on, since such a refusal may be forged.
func (c *Card) begun(ctx context.Context, conf *SettleConfig, s *Settlement) error {
	if conf.reader() != nil {
		return c.begunByTwo(ctx, conf, s)
	}
	for again := false; ; again = true {
		if err := c.enter(ctx, conf.Place, conf.Login); err != nil {
			return &FenceError{"selection and authentication", err}
		}
		s.UID = nil // of the session before
		if err := c.ask(ctx, conf, s); err != nil {
			return &FenceError{"asking what the files are", err}
		}
		if conf.TMAC == nil {
			return nil
		}
		if err := c.settleReceipt(ctx, conf, s); err != nil {
			return err
		}
		if s.Fence != 0 || conf.Accidents || conf.TMAC.ReaderID == nil {
			return nil
		}
		var err error
		s.EncTMRI, err = c.CommitReaderID(ctx, *conf.TMAC.ReaderID)
		if err == nil {
			return nil
		}
		if again || !errors.Is(err, wire.StatusPermissionDenied) {
			return &FenceError{"naming the reader", err}
		}
	}
}

// settleReceipt reads the transaction MAC file.
func (c *Card) settleReceipt(ctx context.Context, conf *SettleConfig, s *Settlement) error {
	receipt, err := c.ReadReceipt(ctx, conf.TMAC.File)
	if err != nil {
		return &FenceError{"reading the transaction MAC file", err}
	}
	s.Receipt = &receipt
	return nil
}

// ask finds out what is no file's content, and what a session must know of the
// files, which cannot be asked while something pends.
func (c *Card) ask(ctx context.Context, conf *SettleConfig, s *Settlement) error {
	if conf.CardUID && s.UID == nil {
		uid, err := c.CardUID(ctx)
		if err != nil {
			return err
		}
		s.UID = uid
	}
	if x := conf.Records; x != nil && x.Number {
		fs, err := c.FileSettings(ctx, x.File)
		if err != nil {
			return err
		}
		s.Number = &fs.Records
	}
	if conf.Login.Key == nil {
		return nil
	}
	for _, no := range conf.files() {
		if err := c.mustKnow(ctx, no); err != nil {
			return err
		}
	}
	if x := conf.Spare; conf.sparing() {
		if fs := c.knownSettings(x.File); fs != nil && fs.Type != wire.FileBackup {
			return fmt.Errorf("file %d has no spare byte to write and drop: it is a %v file, not a backup file", x.File, fs.Type)
		}
	}
	return nil
}

// mustKnow makes sure that the session knows the settings of a file.
func (c *Card) mustKnow(ctx context.Context, no FileNo) error {
	if err := c.acquire(); err != nil {
		return err
	}
	defer c.release()
	_, err := c.settled(ctx, &wire.GetFileSettings{File: no}, no)
	return err
}

func (c *Card) settleReads(ctx context.Context, conf *SettleConfig, s *Settlement) (err error) {
	if x := conf.Slot; x != nil {
		if s.Slot, err = c.ReadData(ctx, x.File, x.Offset, x.Length); err != nil {
			return err
		}
	}
	if err := c.settleRecords(ctx, conf.Records, s); err != nil {
		return err
	}
	if conf.Value != nil {
		v, err := c.Value(ctx, *conf.Value)
		if err != nil {
			return err
		}
		s.Value = &v
	}
	for _, no := range conf.Values {
		v, err := c.Value(ctx, no)
		if err != nil {
			return err
		}
		s.Values = append(s.Values, v)
	}
	return nil
}

// settleRecords reads records, where the number of them is known no more than
// there are.
func (c *Card) settleRecords(ctx context.Context, x *SettleRecords, s *Settlement) (err error) {
	if x == nil {
		return nil
	}
	count := x.Count
	if s.Number != nil {
		if x.First >= *s.Number {
			return nil
		}
		count = min(count, *s.Number-x.First)
	}
	s.Records, err = c.ReadRecords(ctx, x.File, x.First, count)
	return err
}

// touch puts something into the transaction, so that aborting it tells that
// nothing else is there. What names the reader, or was read under a
// transaction MAC, is something already.
func (c *Card) touch(ctx context.Context, conf *SettleConfig) error {
	switch {
	case conf.sparing():
		if err := c.WriteData(ctx, conf.Spare.File, conf.Spare.Offset, []byte{0}); err != nil {
			return &FenceError{"writing the spare byte", err}
		}
	case conf.TMAC == nil:
		if err := c.Debit(ctx, *conf.Value, 0); err != nil {
			return &FenceError{"the debit of 0", err}
		}
	}
	return nil
}
