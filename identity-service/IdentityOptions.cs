using AuthMesh.Identity.Accounts;
using AuthMesh.Identity.Database;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Passwords;
using AuthMesh.Identity.Throttling;
using AuthMesh.Identity.Tokens;
using AuthMesh.Settings;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity;

/// <summary>The section <c>Identity</c>. Each part stands beside its user and knows its own bounds.</summary>
public sealed class IdentityOptions
{
    public const string Section = "Identity";

    /// <summary>Base64 of 32 random bytes that seal the key ring; or see <see cref="MasterKeyFile"/>.</summary>
    public string MasterKey { get; set; } = "";

    public string MasterKeyFile { get; set; } = "";

    /// <summary>The master key from before, for rows of the ring that <c>reseal</c> has not reached yet; or see <see cref="PreviousMasterKeyFile"/>.</summary>
    public string PreviousMasterKey { get; set; } = "";

    public string PreviousMasterKeyFile { get; set; } = "";

    /// <summary>Creates alice, bob and admin with well-known passwords. Development only.</summary>
    public bool DemoUsers { get; set; }

    public DatabaseOptions Database { get; set; } = new();

    public FirstAdminOptions FirstAdmin { get; set; } = new();

    public HashingOptions Hashing { get; set; } = new();

    public KeyOptions Keys { get; set; } = new();

    public PasswordOptions Passwords { get; set; } = new();

    public ThrottlingOptions Throttling { get; set; } = new();

    public TokenOptions Tokens { get; set; } = new();
}

internal sealed class IdentityOptionsValidator(IHostEnvironment environment) : IValidateOptions<IdentityOptions>
{
    public ValidateOptionsResult Validate(string? name, IdentityOptions options)
    {
        var isDevelopment = environment.IsDevelopment();
        var problems = new SettingProblems(IdentityOptions.Section);
        options.Database.Check(problems, isDevelopment);
        MasterKey.Check(options, problems, isDevelopment);
        options.Keys.Check(problems);
        options.Hashing.Check(problems);
        options.Throttling.Check(problems);
        options.Tokens.Check(problems);
        options.Passwords.Check(problems);
        options.FirstAdmin.Check(problems, new PasswordRules(options));
        problems.Unless(
            !options.DemoUsers || isDevelopment, nameof(options.DemoUsers),
            "must be false outside Development: everybody knows the passwords of the demo users.");
        return problems.Result;
    }
}

internal static class IdentitySettings
{
    public static IServiceCollection AddIdentitySettings(this IServiceCollection services)
    {
        services.AddSettings<IdentityOptions, IdentityOptionsValidator>(IdentityOptions.Section)
            .BindConfiguration(IdentityOptions.Section, binder => binder.ErrorOnUnknownConfiguration = true);
        return services;
    }
}
