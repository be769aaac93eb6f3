using AuthMesh.Identity.Accounts;
using AuthMesh.Identity.Admin;
using AuthMesh.Identity.ApiKeys;
using AuthMesh.Identity.ApiReference;
using AuthMesh.Identity.Applications;
using AuthMesh.Identity.Emails;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Mail;
using AuthMesh.Identity.OpenId;
using AuthMesh.Identity.Operator;
using AuthMesh.Identity.Pages;
using AuthMesh.Identity.Passkeys;
using AuthMesh.Identity.Passwords;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Revocations;
using AuthMesh.Identity.SecondFactor;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.SignIn;
using AuthMesh.Identity.Throttling;
using AuthMesh.Identity.Tokens;
using AuthMesh.Identity.Users;
using Microsoft.EntityFrameworkCore.Design;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity;

/// <summary>
/// The folders of this service, from the top layer to the bottom layer. A folder may use only the folders below it; a test checks the
/// <c>using</c> lines. Preparation steps and services are registered from the bottom up.
/// </summary>
internal static class Modules
{
    public static readonly IReadOnlyList<Module> All =
    [
        ApiReferenceModule.Instance,
        PagesModule.Instance,
        OpenIdModule.Instance,
        ApplicationsModule.Instance,
        AdminModule.Instance,
        OperatorModule.Instance,
        AccountsModule.Instance,
        EmailsModule.Instance,
        SignInModule.Instance,
        ApiKeysModule.Instance,
        PasskeysModule.Instance,
        SecondFactorModule.Instance,
        SessionsModule.Instance,
        MailModule.Instance,
        ThrottlingModule.Instance,
        PasswordsModule.Instance,
        UsersModule.Instance,
        TokensModule.Instance,
        RevocationsModule.Instance,
        KeysModule.Instance,
        PlatformModule.Instance,
    ];

    public static readonly EntityMappings Entities = new(All);

    public static IServiceCollection AddModules(this IServiceCollection services)
    {
        services.AddSingleton(Entities);
        foreach (var module in All.Reverse())
        {
            module.AddServices(services);
        }

        return services;
    }

    public static void MapModules(this IEndpointRouteBuilder app)
    {
        foreach (var module in All)
        {
            module.MapEndpoints(app);
        }
    }
}

/// <summary>Lets <c>dotnet ef migrations add NAME</c> compare the model with the last migration. It does not connect.</summary>
internal sealed class DesignTimeDb : IDesignTimeDbContextFactory<IdentityDb>
{
    public IdentityDb CreateDbContext(string[] args) =>
        new(new DbContextOptionsBuilder<IdentityDb>().UseNpgsql("Host=none").Options, Modules.Entities);
}
