package mobile

import (
	"context"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
)

// Depths of Inspect.
const (
	DepthSummary = "summary" // product, version, memory, UID, settings, applications by number
	DepthTree    = "tree"    // applications, files and their rights as well
	DepthContent = "content" // what the keys may read as well
)

// Inspect says what the card is and has, as desfire info, ls and dump do. keys may be nil: then it says what anybody may
// see. What the card refuses is in the result, as missing.
func (c *Card) Inspect(depth string, keys *Keys) (string, error) {
	conf := &inspect.Config{}
	switch depth {
	case DepthSummary:
		conf.Ask = inspect.Summary
	case DepthTree:
		conf.Ask = inspect.Tree
	case DepthContent:
		conf.Ask = inspect.Tree | inspect.AskContent | inspect.AskNames | inspect.AskKeyVersions
	default:
		return "", usage("the depth %q: want %s, %s or %s", depth, DepthSummary, DepthTree, DepthContent)
	}
	return c.do(func(ctx context.Context, card *desfire.Card) (any, error) {
		found, err := c.on(card, keys).Inspect(ctx, conf)
		if err != nil {
			return nil, err
		}
		found.Reader = c.conf.Reader
		return found, nil
	})
}
