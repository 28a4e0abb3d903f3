# The official Airflow image by default; an Astro Runtime image of the same Airflow can stand in for it:
#   docker build --build-arg BASE_IMAGE=<astro-runtime, "-base" variant> --build-arg RUN_AS=astro .
# ("-base": the other variant runs its own ON BUILD steps for packages.txt and requirements.txt.)
ARG BASE_IMAGE=apache/airflow:3.3.2-python3.11
FROM ${BASE_IMAGE}
ARG RUN_AS=airflow

# Debian packages: one name a line, "#" starts a comment.
USER root
COPY packages.txt /tmp/packages.txt
RUN packages="$(sed 's/#.*//' /tmp/packages.txt | xargs)" \
    && if [ -n "${packages}" ]; then \
         apt-get update \
         && apt-get install -y --no-install-recommends ${packages} \
         && apt-get clean && rm -rf /var/lib/apt/lists/*; \
       fi \
    && rm /tmp/packages.txt

# The lock's versions and hashes, and no others: what was tested is what runs.
USER ${RUN_AS}
COPY requirements.txt requirements.lock /tmp/requirements/
RUN pip install --no-cache-dir -r /tmp/requirements/requirements.txt -c /tmp/requirements/requirements.lock

# The project's own connection types. Their build tool is in the lock, so nothing is fetched for them.
COPY --chown=${RUN_AS}:0 provider /tmp/provider
RUN pip install --no-cache-dir --no-deps --no-build-isolation --no-index /tmp/provider

# AIRFLOW_HOME is /opt/airflow in the official image and /usr/local/airflow in Astro's.
COPY --chown=${RUN_AS}:0 dags ${AIRFLOW_HOME}/dags
COPY --chown=${RUN_AS}:0 plugins ${AIRFLOW_HOME}/plugins
COPY --chown=${RUN_AS}:0 include ${AIRFLOW_HOME}/include
# Compiled once here: images often tell Python to keep no compiled files, and then every task would compile these anew.
RUN python -m compileall -q ${AIRFLOW_HOME}/dags ${AIRFLOW_HOME}/plugins ${AIRFLOW_HOME}/include
ENV PYTHONPATH=${AIRFLOW_HOME}:${AIRFLOW_HOME}/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    AIRFLOW__CORE__TEST_CONNECTION=Enabled
