"""What all tests of elastography share."""

from own_profiles import no_profiles_of_the_user  # noqa: F401
