package purse

import "context"

func (p *Purse) compute(ctx context.Context, ev *Evidence, e *Entry) error { return nil }
