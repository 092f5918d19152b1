# What every Terraform configuration begins with: the host's datacenter and a datastore, by name.
variable "server" {}
variable "password" { sensitive = true }

provider "vsphere" {
  vsphere_server       = var.server
  user                 = "root"
  password             = var.password
  allow_unverified_ssl = true
}

data "vsphere_datacenter" "only" {}

data "vsphere_datastore" "first" {
  name          = "datastore1"
  datacenter_id = data.vsphere_datacenter.only.id
}

output "datacenter" { value = data.vsphere_datacenter.only.id }
output "datastore" { value = data.vsphere_datastore.first.id }
