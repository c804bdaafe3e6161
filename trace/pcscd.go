package trace

import (
	"strconv"
	"strings"
)

// pcscdLine reads a line of pcscd --apdu:
//
//	00000005 [140017007589056] APDU: 00 A4 04 0C
//	00171781 [140017007589056] SW: 90 00
//
// The time, the thread and what a system log puts before them may be absent.
func pcscdLine(line string) (command bool, digits string, ok bool) {
	for _, m := range [...]struct {
		text    string
		command bool
	}{{"APDU: ", true}, {"SW: ", false}, {"SW:", false}} {
		i := strings.Index(line, m.text)
		if i < 0 || i > 0 && line[i-1] != ' ' && line[i-1] != '\t' {
			continue
		}
		if strings.Contains(line[:i], ">") || strings.Contains(line[:i], "<") {
			continue // a line of another format with such a label
		}
		rest := strings.TrimSpace(line[i+len(m.text):])
		if rest == "" && !m.command {
			return false, "", true // the bytes stand on lines of their own
		}
		if _, err := hexTokens(rest); err == nil {
			return m.command, rest, true
		}
	}
	return false, "", false
}

// pcscdPrefix is the time since the line before, in microseconds, and the
// thread.
func pcscdPrefix(line string) (delta int64, thread string) {
	fields := strings.Fields(line)
	for i, f := range fields {
		if len(f) == 8 && strings.Trim(f, "0123456789") == "" {
			delta, _ = strconv.ParseInt(f, 10, 64)
			if i+1 < len(fields) && strings.HasPrefix(fields[i+1], "[") && strings.HasSuffix(fields[i+1], "]") {
				thread = fields[i+1]
			}
			return delta, thread
		}
	}
	return 0, ""
}

// readPcscd pairs per thread: each client of pcscd has its own. Where clients
// took turns, the one with most exchanges is kept.
func readPcscd(p *pairs, lines []string) error {
	var (
		now     int64
		clients = map[string]*pcscdClient{}
		order   []*pcscdClient
		last    *pcscdClient
		more    []byte // answer whose bytes stand on following lines
		waiting *pcscdClient
	)
	flush := func() {
		if waiting != nil && len(more) > 0 {
			waiting.answer(more)
		}
		waiting, more = nil, nil
	}
	for _, l := range lines {
		delta, thread := pcscdPrefix(l)
		now += delta
		command, digits, ok := pcscdLine(l)
		if !ok {
			b, err := hexTokens(l)
			if waiting == nil || err != nil {
				flush()
			} else {
				more = append(more, b...)
			}
			continue
		}
		flush()
		c := clients[thread]
		if c == nil {
			c = &pcscdClient{}
			clients[thread] = c
			order = append(order, c)
		}
		if !command && digits == "" {
			waiting = c
			continue
		}
		b, _ := hexTokens(digits)
		if command {
			if last != c && last != nil && len(c.list) > 0 {
				c.turns = true
			}
			last = c
			c.command(b)
			c.list[len(c.list)-1].At = now
		} else if c.open {
			c.list[len(c.list)-1].Took = now - c.list[len(c.list)-1].At
			c.answer(b)
		}
	}
	flush()
	turns := false
	for _, c := range order {
		turns = turns || c.turns
	}
	best := order[0]
	for _, c := range order {
		if !turns {
			p.list = append(p.list, c.list...)
		} else if len(c.list) > len(best.list) {
			best = c
		}
	}
	if turns {
		p.list = best.list
		p.note = "several clients took turns; these are the exchanges of the one with most"
	}
	if len(p.list) > 0 {
		start := p.list[0].At
		for i := range p.list {
			p.list[i].At -= start
		}
	}
	return nil
}

type pcscdClient struct {
	pairs
	turns bool // others sent commands between its own
}
