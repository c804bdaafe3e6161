package fleet

import (
	"fmt"

	"github.com/go-desfire/desfire/keystore/keyring"
	"github.com/go-desfire/desfire/purse"
)

// layoutText is what "desfire purse init F48121/1 --slot 2:SLOT" writes for the cards of
// a stock.
func layoutText(slot int, terminal string) string {
	return fmt.Sprintf(`{"desfire": "purse/v1", "application": "F48121", "generation": "ev3",
"values": [{"file": 1, "settings": "0203101100000000%02x%02x%02x000000000001"}],
"tmac": {"file": 3, "settings": "0503101f0201", "names_reader": true},
"slot": {"file": 2, "settings": "01031011%02x%02x00", "number": %d},
"key": 1, "policy": "hostile", "terminal": %q}
`, 2*startsAt&0xFF, 2*startsAt>>8&0xFF, 2*startsAt>>16, 16*slots&0xFF, 16*slots>>8, slot, terminal)
}

// purseOf is the purse of a terminal, with keys of a file.
func purseOf(slot int, keys string, j purse.Journal) (*purse.Config, error) {
	l, err := purse.ParseLayout([]byte(layoutText(slot, fmt.Sprint("gate ", slot))))
	if err != nil {
		return nil, err
	}
	c, err := l.Config()
	if err != nil {
		return nil, err
	}
	store, err := keyring.Open(keys, nil)
	if err != nil {
		return nil, err
	}
	c.Keys, c.Journal = store, j
	return c, nil
}
