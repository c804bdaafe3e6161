package doctor

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/place"
)

// presented is a card that was connected to.
type presented struct {
	desfire.Transport
	reader string
}

// other looks at a place whose scheme is the caller's.
func (x *exam) other(spec string) {
	x.now(spec)
	got, err := ask(x, talking, func(ctx context.Context) (presented, error) {
		p, err := place.Parse(spec, x.config.Schemes)
		if err != nil {
			return presented{}, err
		}
		t, reader, err := p.Open(ctx, &place.Wait{Limit: talking - time.Second})
		if err == nil && ctx.Err() != nil { // nobody waits for it any more
			closeTransport(t)
			err = ctx.Err()
		}
		return presented{t, reader}, err
	})
	if err != nil {
		x.explain(spec, err)
		return
	}
	x.find("reader", got.reader, "", "")
	x.card(got.reader, func(context.Context) (desfire.Transport, error) { return got.Transport, nil })
}

// explain says what an error of opening a place means.
func (x *exam) explain(spec string, err error) {
	if x.config.Explain != nil {
		if f := x.config.Explain(err); f != nil {
			x.add(*f)
			return
		}
	}
	var none *place.NoCardError
	var name *net.DNSError
	var network net.Error
	switch {
	case errors.As(err, &none) && none.Why == nil && len(none.Seen) == 0:
		x.find("reader", spec, "", "")
		x.find("card-none", spec, "", "put one there, then: "+x.tool("info"))
	case errors.As(err, &name):
		x.find("host-unknown", spec, err.Error(), "")
	case refused(err):
		x.find("host-refused", spec, "", "")
	case inUse(err) || errors.As(err, new(*place.InUseError)):
		x.find("place-held", spec, err.Error(), "")
	case errors.Is(err, errSlow), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &network) && network.Timeout(), unreachable(err):
		x.find("host-unreachable", spec, "", "")
	default:
		x.find("place-fails", spec, err.Error(), nextOf(err))
	}
}
