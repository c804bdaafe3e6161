package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire/dissect"
	"github.com/go-desfire/desfire/dissect/markup"
)

// mostLogRows is how many lines of a log a page has at once.
const mostLogRows = 100

// logRows are some lines of a log.
type logRows struct {
	ID       string
	Rows     []markup.Row
	From, To int // of Total, those that are shown
	Total    int
	Earlier  int // where the lines before begin, -1 if there are none
	Later    int
	Query    string
	Show     string
	Current  int // exchange that is opened, -1 for none
}

// First is the number of the first line, from 1.
func (l logRows) First() int { return l.From + 1 }

// around are the lines around message i.
func around(o *openLog, i int) logRows {
	l := some(o, "", "", i/mostLogRows*mostLogRows)
	l.Current = o.Result.Messages[i].No
	return l
}

func rowsOf(o *openLog, r *http.Request) logRows {
	from, err := strconv.Atoi(r.FormValue("from"))
	if err != nil {
		from = 0
	}
	return some(o, r.FormValue("q"), r.FormValue("show"), from)
}

// some are the lines of a log from one on, of those that are asked for.
func some(o *openLog, query, show string, from int) logRows {
	l := logRows{ID: o.ID, Query: query, Show: show, Earlier: -1, Later: -1, Current: -1}
	found := slices.Collect(func(yield func(*dissect.Message) bool) {
		for _, m := range o.Result.Messages {
			if wanted(m, strings.ToLower(strings.TrimSpace(query)), show) && !yield(m) {
				return
			}
		}
	})
	l.Total = len(found)
	from = min(max(from, 0), len(found))
	to := min(from+mostLogRows, len(found))
	l.From, l.To = from, to
	if from > 0 {
		l.Earlier = max(from-mostLogRows, 0)
	}
	if to < len(found) {
		l.Later = to
	}
	for _, m := range found[from:to] {
		l.Rows = append(l.Rows, markup.RowOf(m))
	}
	return l
}

// wanted reports whether a line is one that is looked for.
func wanted(m *dissect.Message, query, show string) bool {
	outcome, checked, words := m.Verdict()
	switch show {
	case "wrong":
		if outcome != dissect.Refused {
			return false
		}
	case "unchecked":
		if outcome != dissect.Unchecked || !checked {
			return false
		}
	case "checked":
		if outcome != dissect.Proved {
			return false
		}
	}
	return query == "" || strings.Contains(strings.ToLower(m.Name+" "+m.About+" "+words+" "+m.Words), query)
}
