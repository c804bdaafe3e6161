package vector

import "testing"

// Every area of the file is in the table, and the table names no other.
func TestAreas(t *testing.T) {
	seen := map[string]int{}
	for _, e := range entries(t) {
		seen[e.Area]++
	}
	for area := range seen {
		if _, ok := Areas()[area]; !ok {
			t.Errorf("area %s (%d vectors) is in no table", area, seen[area])
		}
	}
	for area, pkg := range Areas() {
		if seen[area] == 0 {
			t.Errorf("area %s has no vectors", area)
		}
		if pkg == Pending {
			t.Logf("%s: %d vectors that no package runs yet", area, seen[area])
		}
	}
}
