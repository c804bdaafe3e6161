package web

import "net/http"

// railRow is a reader as the rail shows it.
type railRow struct {
	ID, Name string
	Look     look
	Selected bool
}

// mostRail is how many readers of a fleet the rail has: the selected one, and those that
// somebody works with here.
const mostRail = 12

func (s *Server) railRoutes() {
	s.view("rail", func(w http.ResponseWriter, r *http.Request) {
		all, service := s.hub.all()
		sel := s.readerOf(r)
		var rows []railRow
		var selected *railRow
		left := 0
		for _, rd := range all {
			row := railRow{rd.id, rd.name, rd.look(), rd == sel}
			if s.conf.Fleet != nil && rd != sel && !rd.simulated && (row.Look.Working() == nil || len(rows) >= mostRail) {
				left++
				continue
			}
			rows = append(rows, row)
			if rd == sel {
				selected = &rows[len(rows)-1]
			}
		}
		data := map[string]any{"Readers": rows, "Service": service, "Reader": r.FormValue("reader"), "Selected": selected, "Left": left}
		switch {
		case sel != nil && sel.simulated:
			data["Keys"] = s.benchKeyNames()
		case s.conf.KeyNames != nil:
			keys, err := s.conf.KeyNames(r.Context())
			data["Keys"] = keys
			if err != nil {
				data["KeysError"] = errorWords(err)
			}
		}
		s.render(w, r, "rail", data)
	})
}
