from configs import defaults


def get_config():
    config = defaults.get_config()
    config.name = "laptop"
    config.mesh.cpu_devices = 2
    return config
