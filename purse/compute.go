package purse

import "context"

// compute adds to evidence what the transaction MAC key tells, where it is at hand.
func (p *Purse) compute(ctx context.Context, ev *Evidence, e *Entry) error {
	if !e.HasTMAC || ev.TMC == nil {
		return nil
	}
	tm, _, err := p.conf.tmKey(ctx, e.uid())
	if err != nil || tm == nil {
		return err
	}
	g := p.conf.Journal.Generation()
	return ev.compute(ctx, e, tm, func(id ID) bool {
		if id.Generation() == g || id == e.ID {
			return true
		}
		old, err := p.conf.Journal.Entry(ctx, id)
		return err == nil && old != nil
	})
}
