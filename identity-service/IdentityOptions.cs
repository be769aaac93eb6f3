using AuthMesh.Identity.Accounts;
using AuthMesh.Identity.Admin;
using AuthMesh.Identity.ApiKeys;
using AuthMesh.Identity.ApiReference;
using AuthMesh.Identity.Applications;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Mail;
using AuthMesh.Identity.Operator;
using AuthMesh.Identity.Pages;
using AuthMesh.Identity.Passkeys;
using AuthMesh.Identity.Passwords;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.SecondFactor;
using AuthMesh.Identity.Throttling;
using AuthMesh.Identity.Tokens;
using AuthMesh.Settings;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity;

/// <summary>
/// The section <c>Identity</c>. Each part lives in the folder that uses it and checks its own bounds. Modules read their own part and never
/// this class. The master key's settings are directly in the section.
/// </summary>
public sealed class IdentityOptions : MasterKeyOptions
{
    public const string Section = "Identity";

    /// <summary>Creates alice, bob and admin with well-known passwords. Development only.</summary>
    public bool DemoUsers { get; set; }

    public AccountOptions Accounts { get; set; } = new();

    public AdminOptions Admins { get; set; } = new();

    public ApiKeyOptions ApiKeys { get; set; } = new();

    public ApiReferenceOptions ApiReference { get; set; } = new();

    public ApplicationOptions Applications { get; set; } = new();

    public BackchannelLogoutOptions BackchannelLogout { get; set; } = new();

    public DatabaseOptions Database { get; set; } = new();

    public FirstAdminOptions FirstAdmin { get; set; } = new();

    public HashingOptions Hashing { get; set; } = new();

    public KeyOptions Keys { get; set; } = new();

    public MailOptions Mail { get; set; } = new();

    public PageOptions Pages { get; set; } = new();

    public PasskeyOptions Passkeys { get; set; } = new();

    public PasswordOptions Passwords { get; set; } = new();

    public SecondFactorOptions SecondFactor { get; set; } = new();

    public ThrottlingOptions Throttling { get; set; } = new();

    public TokenOptions Tokens { get; set; } = new();
}

/// <summary>Registered for a command that needs the database alone: its settings are the only ones that must be right.</summary>
internal sealed class DatabaseOnly;

internal sealed class IdentityOptionsValidator(IHostEnvironment environment, DatabaseOnly? databaseOnly = null)
    : IValidateOptions<IdentityOptions>
{
    public ValidateOptionsResult Validate(string? name, IdentityOptions options)
    {
        var isDevelopment = environment.IsDevelopment();
        var problems = new SettingProblems(IdentityOptions.Section);
        options.Database.Check(problems, isDevelopment);
        if (databaseOnly is not null)
        {
            return problems.Result;
        }

        options.CheckMasterKeys(problems, isDevelopment);
        options.ApiKeys.Check(problems);
        options.Applications.Check(problems, options.Tokens, options.BackchannelLogout, isDevelopment);
        options.BackchannelLogout.Check(problems);
        options.Keys.Check(problems);
        options.Hashing.Check(problems);
        options.SecondFactor.Check(problems);
        options.Throttling.Check(problems);
        options.Tokens.Check(problems);
        options.Passkeys.Check(problems);
        options.Passwords.Check(problems);
        options.Pages.Check(problems);
        options.Mail.Check(problems, isDevelopment);
        options.FirstAdmin.Check(problems, new PasswordRules(options.Passwords, options.Tokens));
        problems.Unless(
            !options.DemoUsers || isDevelopment, nameof(options.DemoUsers),
            "must be false outside Development: everybody knows the passwords of the demo users.");
        return problems.Result;
    }
}

internal static class IdentitySettings
{
    /// <param name="services">The service's.</param>
    /// <param name="isCommand">Whether an operator's command runs; it gets longer database timeouts than a request.</param>
    /// <param name="needsOnlyDatabase">Whether the command needs only the settings of the database.</param>
    public static IServiceCollection AddIdentitySettings(
        this IServiceCollection services, bool isCommand = false, bool needsOnlyDatabase = false)
    {
        if (needsOnlyDatabase)
        {
            services.AddSingleton<DatabaseOnly>();
        }

        services.AddSettings<IdentityOptions, IdentityOptionsValidator>(IdentityOptions.Section)
            .BindConfiguration(IdentityOptions.Section, binder => binder.ErrorOnUnknownConfiguration = true)
            .PostConfigure<IConfiguration>((options, configuration) => options.Passkeys.Origin = new AuthMeshOptions
            {
                Issuer = configuration[$"{AuthMeshOptions.Section}:{nameof(AuthMeshOptions.Issuer)}"] ?? "",
                PagesOrigin = configuration[$"{AuthMeshOptions.Section}:{nameof(AuthMeshOptions.PagesOrigin)}"] ?? "",
            }.OriginOfPages)
            .PostConfigure(options =>
            {
                options.Passwords.RefuseCommon &= !options.DemoUsers; // demo users have common passwords
                options.Database.IsPatient = isCommand;
            });
        return services
            .AddPart<MasterKeyOptions>(options => options)
            .AddPart(options => new DemoUserOptions { AreWanted = options.DemoUsers })
            .AddPart(options => options.Accounts)
            .AddPart(options => options.Admins)
            .AddPart(options => options.ApiKeys)
            .AddPart(options => options.ApiReference)
            .AddPart(options => options.Applications)
            .AddPart(options => options.BackchannelLogout)
            .AddPart(options => options.Database)
            .AddPart(options => options.FirstAdmin)
            .AddPart(options => options.Hashing)
            .AddPart(options => options.Keys)
            .AddPart(options => options.Mail)
            .AddPart(options => options.Pages)
            .AddPart(options => options.Passkeys)
            .AddPart(options => options.Passwords)
            .AddPart(options => options.SecondFactor)
            .AddPart(options => options.Throttling)
            .AddPart(options => options.Tokens);
    }

    private static IServiceCollection AddPart<TOptions>(this IServiceCollection services, Func<IdentityOptions, TOptions> part)
        where TOptions : class =>
        services.AddSingleton(provider => Options.Create(part(provider.GetRequiredService<IOptions<IdentityOptions>>().Value)));
}
