package desfire

import (
	"context"
	"errors"
	"sync"

	"github.com/go-desfire/desfire/internal/frame"
	"github.com/go-desfire/desfire/wire"
)

// Path is how the data commands travel. Every exchange costs 5 to 20 ms of
// reader and air time, so fewer is faster.
type Path uint8

// Paths.
const (
	PathChained  Path = iota + 1 // frames of 60 bytes, additional frames; every card and reader
	PathShort                    // ISO-chaining commands in short APDUs, up to 256 bytes each way
	PathExtended                 // ISO-chaining commands in APDUs of any length
)

func (p Path) String() string {
	names := [...]string{"unknown", "chained", "short", "extended"}
	if int(p) < len(names) {
		return names[p]
	}
	return "unknown"
}

// Paths remembers which paths work with which reader and card generation. Give
// one to several cards through Config so that what one of them found serves
// all. The zero value is ready.
type Paths struct {
	mu    sync.Mutex
	known map[pathKey]Path
}

type pathKey struct {
	reader string
	gen    Generation
}

func (p *Paths) get(k pathKey) Path {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.known[k]
}

func (p *Paths) set(k pathKey, path Path) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil {
		p.known = make(map[pathKey]Path)
	}
	p.known[k] = path
}

// Path is the path that the data commands of this card take now: from what the
// card's generation knows, what the transport carries, and what was tried.
func (c *Card) Path() Path {
	if c.link.Framing != FramingWrapped || !c.gen.Has(wire.FeatureISOChaining) {
		return PathChained
	}
	if known := c.paths().get(c.pathKey()); known != 0 {
		return known
	}
	if c.answerLimit < shortAnswer && c.gen.Has(wire.FeatureClassic) {
		return PathChained // the transport does not say that it carries more
	}
	return PathShort
}

const shortAnswer = 256 + 2 // a whole response to a short APDU

func (c *Card) paths() *Paths {
	if c.conf.Paths == nil {
		c.conf.Paths = new(Paths)
	}
	return c.conf.Paths
}

func (c *Card) pathKey() pathKey { return pathKey{c.reader, c.gen} }

// mayExtend reports whether extended APDUs could work and are not yet known
// not to.
func (c *Card) mayExtend() bool {
	return c.Path() == PathShort && c.paths().get(c.pathKey()) == 0 &&
		c.gen.Has(wire.FeatureClassic) && // DESFire Light and NTAG 424 DNA know short ones only
		c.commandLimit > frame.MaxShort && c.answerLimit > shortAnswer
}

// TryExtended finds out whether reader and card carry extended APDUs, with one
// harmless exchange, and remembers it. Only at PICC or application level
// without a session and with nothing pending: elsewhere a refusal would cost
// that, and it tells what is known.
func (c *Card) TryExtended(ctx context.Context) (bool, error) {
	if err := c.acquire(); err != nil {
		return false, err
	}
	defer c.release()
	if !c.mayExtend() || c.state.channel != nil || c.state.pending {
		return c.Path() == PathExtended, nil
	}
	err := c.run(ctx, request{cmd: new(wire.GetVersion), rsp: new(wire.Version), long: true, trial: true})
	return c.tried(err)
}

// tried remembers the outcome of a trial of extended APDUs.
func (c *Card) tried(err error) (bool, error) {
	switch {
	case err == nil:
		c.setPath(PathExtended)
		return true, nil
	case Refusal(err) != nil:
		c.setPath(PathShort)
		return false, nil
	case errors.As(err, new(*TransportError)), errors.As(err, new(*IntegrityError)):
		c.setPath(PathShort) // the link broke off: do not try again
	}
	return false, err
}

func (c *Card) setPath(p Path) {
	c.paths().set(c.pathKey(), p)
	c.conf.Logger.Debug("data commands", "path", p, "reader", c.reader, "generation", c.gen)
}

// room is how many bytes of data an APDU of the present path takes, as a
// command and as an answer.
func (c *Card) room() (command, answer int) {
	if c.Path() == PathExtended {
		return min(c.commandLimit-extendedOverhead, 65535), min(c.answerLimit-2, 65536)
	}
	return 255, 256
}

const extendedOverhead = 4 + 3 + 2 // header, Lc, Le

// fits is how many plain bytes fit n bytes on the wire once protected.
func fits(n int, scheme wire.Scheme, mode wire.CommMode, answer bool, block int) int {
	switch scheme {
	case wire.SchemeD40:
		switch mode {
		case wire.CommMAC:
			return n - 4
		case wire.CommFull:
			return n/8*8 - 2
		}
	case wire.SchemeEV1:
		if mode == wire.CommFull {
			return n/block*block - 4
		}
		if answer || mode == wire.CommMAC { // every answer carries a CMAC
			return n - 8
		}
	case wire.SchemeEV2, wire.SchemeLRP:
		switch mode {
		case wire.CommMAC:
			return n - 8
		case wire.CommFull:
			return (n-8)/16*16 - 1
		}
	}
	return n
}

// small is what surely travels in one additional-frame chained answer.
const small = 40
