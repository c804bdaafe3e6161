package sim

import (
	"encoding/hex"
	"math"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire/wire"
)

// parseCondition reads one term behind the @.
func (part *faultPart) parseCondition(p piece) error {
	c := &part.when
	name, value, has := p.cut("=")
	word := strings.ToLower(name.text)
	twice := func(is bool) error {
		if is {
			return p.wrong("a condition of this kind stands here for the second time")
		}
		return nil
	}
	var err error
	switch {
	case p.text == "":
		return p.wrong("no condition behind the @ or comma")
	case has && word == "p":
		if err := twice(c.p > 0); err != nil {
			return err
		}
		c.p, err = strconv.ParseFloat(value.text, 64)
		if err != nil || !(c.p > 0 && c.p <= 1) || math.IsInf(c.p, 0) {
			return p.wrong("want a probability above 0 and up to 1, for example p=0.01")
		}
		return nil
	case has && word == "every":
		if err := twice(c.every > 0); err != nil {
			return err
		}
		c.every, err = value.count(1)
		return err
	case has && word == "times", !has && word == "once":
		if err := twice(c.times > 0); err != nil {
			return err
		}
		if c.times = 1; has {
			c.times, err = value.count(1)
		}
		return err
	case has && word == "write":
		switch {
		case !part.kind.writes:
			return p.wrong("%s has nothing to do with a write: this condition is for tear and fail-write", part.kind.name)
		case c.write.set():
			return twice(true)
		}
		c.write, err = value.numbers()
		return err
	case has:
		return p.wrong("there is no such condition: want #NUMBER, an INS as C7 or a command as Debit, p=, every=, times=, once or write=")
	}
	return part.parseWhere(p, twice)
}

// parseWhere reads "#3", "C7", "C7#2", "Debit#2..": which exchange.
func (part *faultPart) parseWhere(p piece, twice func(bool) error) error {
	c := &part.when
	name, count, counted := p.cut("#")
	if name.text == "" || !counted && (strings.Contains(name.text, "..") || digits(name.text) && len(name.text) != 2) {
		if !counted {
			count = name
		}
		if err := twice(c.exchange.set()); err != nil {
			return err
		}
		var err error
		c.exchange, err = count.numbers()
		return err
	}
	if err := twice(c.byINS); err != nil {
		return err
	}
	ins, err := name.ins()
	if err != nil {
		return err
	}
	c.byINS, c.ins = true, ins
	if counted {
		c.nth, err = count.numbers()
	}
	return err
}

// ins reads the INS of a command, or its name.
func (p piece) ins() (byte, error) {
	text := p.text
	hexed, explicit := strings.CutPrefix(strings.ToLower(text), "0x")
	if b, err := hex.DecodeString(hexed); err == nil && len(b) == 1 {
		if digits(hexed) && !explicit {
			return 0, p.wrong("an INS or a number? Write 0x%s for the INS, #%s for the exchange", hexed, hexed)
		}
		return b[0], nil
	}
	var names []string
	for s := range wire.Commands() {
		if strings.EqualFold(s.Name, text) {
			return s.INS, nil
		}
		names = append(names, s.Name)
	}
	if n := near(text, names); n != "" {
		return 0, p.wrong("there is no such command: did you mean %s?", n)
	}
	return 0, p.wrong("want the number of an exchange as #3, an INS as C7, or the name of a command as Debit")
}

// numbers reads "3", "3..", "..5", "3..5".
func (p piece) numbers() (countRange, error) {
	from, to, ranged := p.cut("..")
	var n countRange
	var err error
	if n.first = 1; from.text != "" || !ranged {
		if n.first, err = from.count(1); err != nil {
			return n, err
		}
	}
	switch {
	case !ranged:
		n.last = n.first
	case to.text != "":
		if n.last, err = to.count(1); err == nil && n.last < n.first {
			err = p.wrong("this range ends before it begins")
		}
	case from.text == "":
		err = p.wrong("a range needs a beginning or an end, as 2.. or ..5")
	}
	return n, err
}
