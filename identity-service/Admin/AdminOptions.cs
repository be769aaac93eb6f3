using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Admin;

/// <summary>The section <c>Identity:Admins</c>.</summary>
public sealed class AdminOptions
{
    /// <summary>Whether admins must have proved two factors to change other users.</summary>
    public bool RequireTwoFactors { get; set; }
}

/// <summary>Warns at the start if a stolen password of an admin is enough to change other users.</summary>
internal sealed partial class AdminWarning(IOptions<AdminOptions> options, IHostEnvironment environment, ILogger<AdminWarning> logger)
{
    public Task RunAsync()
    {
        if (!options.Value.RequireTwoFactors && !environment.IsDevelopment())
        {
            LogOneFactor();
        }

        return Task.CompletedTask;
    }

    [LoggerMessage(LogLevel.Warning,
        "An admin's password alone is enough to change other users. Set Identity:Admins:RequireTwoFactors=true once each admin has a "
        + "second factor")]
    private partial void LogOneFactor();
}
