// Package browser holds tests of the page with a real Chromium: what people can do
// there is clicked, and judged by what the page shows.
//
// They need Debian's chromium, and axe-core, which "go run ./e2e/browser/getaxe"
// puts beside them; .ci/deps sees to both. With DESFIRE_REQUIRE_BROWSER=1 their lack
// is a failure.
//
//	go test ./e2e/browser -update    writes the screenshots
package browser
