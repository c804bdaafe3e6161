package boltjournal

import "fmt"

// copied says why a database is not, or perhaps not, the one that its notes were written
// beside; empty if it is. Then it was copied, moved or restored, or a loss of power took
// the newest notes: the journal gets a new generation.
func copied(h *head, w *written, database string) string {
	n := &w.head
	switch {
	case w.broken != "":
		return "it was copied without its notes, or they were lost: " + w.broken
	case n.Generation != h.Generation:
		return fmt.Sprintf("its notes are those of another journal: generation %v, and it has %v", n.Generation, h.Generation)
	case n.Opens > h.Opens || n.Revision > h.Revision:
		return fmt.Sprintf("it was restored from a copy: it was opened %d times and has %d changes, and its notes know of %d and %d", h.Opens, h.Revision, n.Opens, n.Revision)
	case n.Opens < h.Opens || n.Revision < h.Revision:
		return fmt.Sprintf("its notes are from before: it was opened %d times and has %d changes, and they know of %d and %d; power was lost, or they were restored from a copy", h.Opens, h.Revision, n.Opens, n.Revision)
	case n.Database != database:
		return "its file is not the one that it was: it was copied, moved or restored, its rights were changed, or power was lost"
	}
	return ""
}
