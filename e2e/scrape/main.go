// scrape fetches the metrics of a target and prints each series with its value in a JSON object, read by the very code
// with which Prometheus reads what it scrapes.
//
// It says nothing of what is there unless all of it can be read.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

// How long a target may take, as long as Prometheus gives it by default.
const patience = 10 * time.Second

// What Prometheus asks for by default (scrape_protocols).
const accept = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6," +
	"application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4," +
	"text/plain;version=0.0.4;q=0.3,*/*;q=0.1"

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: scrape URL")
		os.Exit(2)
	}
	if err := scrape(os.Args[1]); err != nil {
		fmt.Fprintf(os.Stderr, "could not scrape %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}

func scrape(url string) error {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", accept)
	client := http.Client{Timeout: patience}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	found, err := parse(text, answer.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(found)
}

// Reads a target's answer; a series that stands in it twice is an error, as it is to Prometheus.
func parse(text []byte, contentType string) (map[string]string, error) {
	parser, err := textparse.New(text, contentType, labels.NewSymbolTable(), textparse.ParserOptions{})
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		if entry != textparse.EntrySeries {
			continue
		}
		var series labels.Labels
		parser.Labels(&series)
		_, _, value := parser.Series()
		name := series.String()
		if _, twice := found[name]; twice {
			return nil, fmt.Errorf("%s stands there twice", name)
		}
		found[name] = written(value)
	}
}

// A number as JSON and Prometheus both write it, and NaN, which JSON has no number for.
func written(value float64) string {
	if math.IsNaN(value) {
		return "NaN"
	}
	return strconv.FormatFloat(value, 'f', -1, 64)
}
