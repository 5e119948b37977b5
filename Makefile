# Everything a person can do here; `make help` lists it.
.DEFAULT_GOAL := help
.SUFFIXES:

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null \
	&& echo $$p && break; done)
RUN := .venv/bin/python -m
# test processes side by side, each with a Spark JVM of its own: two where memory allows
TESTERS ?= $(shell awk '/MemAvailable/ {print ($$2 > 12000000) ? 2 : 1}' /proc/meminfo)
TEST := $(RUN) pytest -n $(TESTERS) --dist loadfile --no-loadscope-reorder

.PHONY: help setup up down status demo test prove check format table plan land bench train promote \
	predict trace customer tune delivery crm sandbox chaos quarantine review pages lock clean clean-all

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/made-from  ## fetch what is needed: packages, Delta's JARs, Java, the CRM's environment
	@$(RUN) infra.jars
	@$(RUN) infra.tryton.prepare

.venv/made-from: requirements.txt
	@test -n "$(PYTHON)" || { echo "Python is missing: install Python 3.11, 3.12 or 3.13"; exit 1; }
	@$(PYTHON) infra/setup.py

up: setup  ## start every service, make the tables
	@$(RUN) infra.stack up

down: .venv/made-from  ## stop every service, after a crash too
	@$(RUN) infra.stack down

status: .venv/made-from  ## one screen: services, what is late, refused, broken, what comes next; JSON=1
	@$(RUN) infra.stack status $(if $(JSON),--json)

demo: setup  ## a company's year from the till to the CRM; run again, it goes on where it stood
	@$(RUN) infra.tryton.web --if-possible
	@$(RUN) infra.demo.demo

test: setup  ## all tests but the long ones of `make prove`; format, lint and types among them
	@$(TEST) -m "not proof"

prove: setup  ## what takes minutes each, before a release: builds in any order with kills, a real year, a cluster, S3
	@$(TEST) -m proof

check: setup  ## as make test, with what is told in seconds first: format, lint, types
	@$(RUN) ruff format --check .
	@$(RUN) ruff check .
	@$(RUN) mypy
	@$(TEST) -m "not proof" --ignore tests/infra/test_style.py

format: .venv/made-from  ## format and mend what can be mended by itself
	@$(RUN) ruff format .
	@$(RUN) ruff check --fix .

table: .venv/made-from  ## build tables: make table T=silver.order_lines [START=2017-03-01 END=2017-03-31], or T=silver.order_lines+
	@test -n "$(T)" || { echo "which table? make table T=silver.order_lines"; exit 1; }
	@$(RUN) jobs.spark.build $(T) $(if $(START),--start $(START)) $(if $(END),--end $(END))

plan: .venv/made-from  ## what would be built, and why; T=… for some, +T with its inputs, T+ with what follows
	@$(RUN) jobs.spark.build $(or $(T),--all) --plan

pages: .venv/made-from  ## a page per table: columns, lineage, builds, rules, freshness, sample
	@$(RUN) jobs.pages.write

land: .venv/made-from  ## take a source's drops over: make land S=till START=2017-11-27 END=2017-11-27 [RECONCILE=1]
	@test -n "$(S)" -a -n "$(START)" -a -n "$(END)" || { echo "make land S=till|erp|crm|erp_db|webshop|deliveries START=… END=…"; exit 1; }
	@$(RUN) jobs.sources $(S) --start $(START) --end $(END) $(if $(RECONCILE),--reconcile)

review: .venv/made-from  ## pairs of accounts that may be one customer and wait for a person
	@$(RUN) jobs.identity review

quarantine: .venv/made-from  ## rows that are refused, by table and rule; T=bronze.… for one table
	@$(RUN) jobs.quarantine list $(if $(T),--table $(T))

bench: .venv/made-from  ## judge a family's configurations: make bench F=recommenders; without F what models must show, on a public panel: hours
	@$(RUN) $(if $(F),jobs.training.bench $(F),infra.bench.models $(if $(OUT),"$(OUT)"))

train promote predict: .venv/made-from
	@test -n "$(F)" || { echo "which family? make $@ F=recommenders|forecasts|forecasts_daily|churn|soft_churn|offer|value|segments"; exit 1; }
	@$(RUN) jobs.training.$@ $(F)

train:    ## refit the chosen configuration on everything: make train F=…
promote:  ## move the champion, if the gate lets it: make promote F=…
predict:  ## land the champion's answers: make predict F=…

trace: .venv/made-from  ## from a score to landed files: make trace S=account_scores OF=900, S=sales_forecast OF=GROCERY [JSON=1]
	@test -n "$(S)" -a -n "$(OF)" || { echo "make trace S=recommendations|account_scores|account_segments OF=900, or S=sales_forecast OF=GROCERY"; exit 1; }
	@$(RUN) jobs.training.trace $(S) "$(OF)" $(if $(JSON),--json)

customer: .venv/made-from  ## who is this customer, what is expected, what next: make customer A=900 [HTML=900.html]
	@test -n "$(A)" || { echo "which customer? make customer A=900"; exit 1; }
	@$(RUN) jobs.customer "$(A)" $(if $(HTML),--html "$(HTML)")

tune: .venv/made-from  ## look for better settings of a model: make tune F=recommenders M=ease
	@test -n "$(F)" -a -n "$(M)" || { echo "make tune F=recommenders M=ease"; exit 1; }
	@$(RUN) jobs.training.tune $(F) --model $(M)

delivery: .venv/made-from  ## send the outbox to the CRM: plan, apply, verify
	@$(RUN) jobs.delivery plan
	@$(RUN) jobs.delivery apply
	@$(RUN) jobs.delivery verify

crm: .venv/made-from  ## one word to a CRM: make crm C="doctor --connection odoo"; without C all the words
	@$(RUN) jobs.delivery $(or $(C),--help)

sandbox: .venv/made-from  ## a CRM to try a mapping on, until Ctrl-C: make sandbox CRM=salesforce|hubspot|odoo|tryton
	@test -n "$(CRM)" || { echo "which CRM? make sandbox CRM=salesforce|hubspot|odoo|tryton"; exit 1; }
	@$(RUN) infra.sandbox $(CRM) $(if $(PORT),--port $(PORT))

chaos: setup  ## deliveries with a random fault each, judged by what the CRMs show: make chaos N=300 SEED=1
	@$(RUN) infra.chaos --runs $(or $(N),8) --seed $(or $(SEED),1)

lock:  ## write requirements.txt anew from requirements.in
	@uv=$$(command -v uv || echo $(CURDIR)/.venv/bin/uv); for at in . infra/java infra/tryton infra/odoo; do \
	(cd $$at && $$uv pip compile --universal --generate-hashes --python-version 3.11 \
	--no-emit-index-url --no-header --quiet requirements.in -o requirements.txt) || exit 1; done

clean: .venv/made-from  ## stop the services and wipe the state: lake, drops, databases, secrets
	@$(RUN) infra.stack down
	@$(RUN) infra.stack wipe

clean-all: clean  ## and what was fetched: packages, JARs, environments
	rm -rf .cache .venv
