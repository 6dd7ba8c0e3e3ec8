"""The pages of tenancy: settings of the organization and of the instance."""
