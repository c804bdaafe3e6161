package web

import (
	"context"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/report"
	"github.com/go-desfire/desfire/wire"
)

// What the page reads of a card without being asked: all of it, but not the content
// of more files than people can wait for, and nothing that a card counts.
const (
	mostFilesRead = 64
	mostBytesRead = 16 << 10 // in files
)

// Reasons why a content was not read. People see them.
const (
	leftCounts = "reading it without a key counts as a tap of a phone"
	leftMuch   = "the card holds much, and it was not asked for"
)

// leave says which contents are not read without being asked.
func leave() func(wire.Place, *inspect.File, bool) string {
	files, size := 0, 0
	return func(_ wire.Place, f *inspect.File, session bool) string {
		fs := f.Settings
		if f.SDM != nil && !session {
			return leftCounts
		}
		n := int(min(fs.Size, mostBytesRead+1))
		if fs.Records > 0 {
			n = int(min(uint64(fs.RecordSize)*uint64(fs.Records), mostBytesRead+1))
		}
		if files+1 > mostFilesRead || size+n > mostBytesRead {
			return leftMuch
		}
		files, size = files+1, size+n
		return ""
	}
}

// readCard reads a card for the page, with the keys of the process. What the card is
// shows at once, the rest when it was read. Whole reads all that can be read.
//
// tell, if it is not nil, hears of each place before it is read.
func (s *Server) readCard(ctx context.Context, rd *reader, card *desfire.Card, whole bool, tell func(wire.Place)) error {
	if !whole {
		first, err := inspect.Read(ctx, card, &inspect.Config{Ask: inspect.AskVersion | inspect.AskFreeMemory})
		if err != nil {
			s.readIt(ctx, rd, &stay{gen: card.Generation(), err: err})
			return err
		}
		s.readIt(ctx, rd, &stay{gen: card.Generation(), card: first, reading: true})
	}
	if whole {
		s.refused.forget(rd)
	}
	l := s.looker(rd, card)
	l.tell = tell
	conf := inspect.Config{Ask: inspect.Everything}
	if !whole {
		conf.Leave = leave()
	}
	c, err := l.inspect(ctx, conf)
	now := &stay{gen: card.Generation(), card: c, err: err, whole: whole}
	if c != nil {
		c.Reader = rd.name
	}
	if whole && err == nil {
		now.extra, err = report.Ask(ctx, card)
		if err != nil && ctx.Err() == nil { // what was read before is worth a page
			now.extra.Unread = append(now.extra.Unread, "the card did not answer any more")
		}
	}
	if err == nil {
		now.keys = l.troubles(ctx)
	}
	s.readIt(ctx, rd, now)
	return err
}

// readIt puts what was read where the page finds it, unless the card has left or the
// reading made way for a job.
func (s *Server) readIt(ctx context.Context, rd *reader, now *stay) {
	rd.update(arrivalOf(ctx), func(st *stay) {
		switch {
		case ctx.Err() != nil && st.card != nil:
			return
		case now.reading && st.card != nil && st.err == nil: // an older whole picture is better than a new bare one
			st.reading = true
			return
		case now.card != nil:
			now.uid, now.random, now.product = now.card.UID, now.card.RandomID, now.card.Product
		}
		now.since = st.since
		*st = *now
	})
	s.tell("readers", rd.id)
	s.tell("card", rd.id)
}
