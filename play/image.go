package play

import (
	"encoding/json"
	"fmt"

	"github.com/go-desfire/desfire/sim"
)

// MaxImage is how many bytes an image may have that is loaded: a full card of 32 KiB
// has about a tenth of it.
const MaxImage = 1 << 20

// ImageSizeError says that a file is too large for an image.
type ImageSizeError struct{ Bytes int }

func (e *ImageSizeError) Error() string {
	return fmt.Sprintf("the image has %d bytes, and no card has more than %d", e.Bytes, MaxImage)
}

// Load puts the card of an image in the place of the one that is there. The error is an
// *ImageSizeError or a *sim.ImageError, which says where; the card that was there
// stays then. An image that was saved without keys is none of a card that could be
// used: sim.ErrNoKeys is inside.
func (b *Bench) Load(image []byte) error {
	if len(image) > MaxImage {
		return &ImageSizeError{len(image)}
	}
	if _, err := sim.ReadImage(image); err != nil {
		return err
	}
	store := sim.Memory()
	if err := store.Save(image); err != nil {
		return err
	}
	card, err := sim.New(&sim.Config{Store: store, Rand: b.rand})
	if err != nil {
		return err
	}
	b.change.Lock()
	defer b.change.Unlock()
	made := cardOf(card)
	made.Title = "An image that was loaded"
	b.put(card, made, keyNames{}, fmt.Sprintf("A card was loaded: %s, %X.", ProductName(made.Generation), []byte(made.UID)))
	return nil
}

// Image is the memory of the card as JSON, as desfire sim has it in files. With keys it
// is everything that makes the card; whoever has it has its keys. Without them it
// can be looked at, and no card be made of it.
func (b *Bench) Image(keys bool) ([]byte, error) {
	i := b.here().card.Image()
	if keys {
		return i.Encode(), nil
	}
	text, err := json.MarshalIndent(i.WithoutKeys(), "", "  ")
	return append(text, '\n'), err
}
