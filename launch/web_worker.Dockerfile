# What a worker of the web pipeline runs in on Dataflow, Flink or Spark; see launch/web_cluster.md.
#
#   docker build -f launch/web_worker.Dockerfile -t IMAGE .

FROM apache/beam_python3.11_sdk:2.77.0
COPY requirements.txt /primer/
# The last three open gs://, s3:// and https://.
RUN pip install --no-cache-dir -r /primer/requirements.txt gcsfs s3fs aiohttp
COPY data /primer/data
ENV PYTHONPATH=/primer
