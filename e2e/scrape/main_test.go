package main

import (
	"maps"
	"testing"
)

const openMetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8"

func TestEachSeriesIsFoundByItsLabels(t *testing.T) {
	text := "# TYPE reviews counter\nreviews_total{outcome=\"injected\"} 2\n# TYPE age gauge\nage NaN\n# EOF\n"
	found, err := parse([]byte(text), openMetrics)
	wanted := map[string]string{
		`{__name__="reviews_total", outcome="injected"}`: "2",
		`{__name__="age"}`: "NaN",
	}
	if err != nil || !maps.Equal(found, wanted) {
		t.Fatal(found, err)
	}
}

func TestWhatPrometheusWouldNotTakeIsAnError(t *testing.T) {
	for _, text := range []string{
		"reviews_total 1\n",
		"reviews_total{outcome=injected} 1\n# EOF\n",
		"reviews_total one\n# EOF\n",
		"reviews_total 1\nreviews_total 2\n# EOF\n",
	} {
		if found, err := parse([]byte(text), openMetrics); err == nil {
			t.Error(text, found)
		}
	}
	if found, err := parse([]byte("# EOF\n"), ""); err == nil {
		t.Error("an answer without a type", found)
	}
}
