package main

import (
	"testing"
	"time"
)

func TestWithoutFlagsItAsksOnce(t *testing.T) {
	if parsed, err := parse(nil); err != nil || parsed != (arguments{}) {
		t.Fatal(parsed, err)
	}
}

func TestWithBothFlagsItAsksSteadily(t *testing.T) {
	for _, given := range [][]string{
		{"--every", "1s", "--for", "5m"},
		{"--for=300s", "--every=1s"},
	} {
		if parsed, err := parse(given); err != nil || parsed != (arguments{time.Second, 5 * time.Minute}) {
			t.Fatal(given, parsed, err)
		}
	}
}

func TestWhatDoesNotFitIsRefused(t *testing.T) {
	for _, given := range [][]string{
		{"--every", "1s"},
		{"--for", "5m"},
		{"--every", "1", "--for", "5m"},
		{"--every", "-1s", "--for", "5m"},
		{"--ever", "1s"},
		{"5m"},
	} {
		if parsed, err := parse(given); err == nil {
			t.Error(given, parsed)
		}
	}
}
