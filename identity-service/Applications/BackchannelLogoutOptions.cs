using AuthMesh.Settings;

namespace AuthMesh.Identity.Applications;

/// <summary>The section <c>Identity:BackchannelLogout</c>.</summary>
public sealed class BackchannelLogoutOptions
{
    /// <summary>
    /// Addresses and networks of your own, such as <c>10.0.0.0/24</c>, in which applications may be told of the end of a session. Only
    /// there, http is allowed, too. In Development, this machine is always one of them.
    /// </summary>
    public IList<string> AllowedNetworks { get; } = [];

    internal void Check(SettingProblems problems)
    {
        foreach (var text in AllowedNetworks)
        {
            problems.Unless(
                LogoutNetworks.TryParse(text) is { PrefixLength: > 0 }, "BackchannelLogout:AllowedNetworks",
                $"must hold addresses or networks of your own applications, for example 10.0.0.7 or 10.0.0.0/24. {text} is neither.");
        }
    }
}
